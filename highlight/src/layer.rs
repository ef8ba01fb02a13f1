//! The `tracing` layer: spans go to OpenTelemetry, events straight to the wire.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::sync::OnceLock;

use opentelemetry::trace::{Status, TraceContextExt as _};
use tracing::dispatcher::WeakDispatch;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::capture::ErrorReport;
use crate::context::Correlation;
use crate::export::log_record::{Location, LogRecord, Severity};
use crate::handle::Highlight;

/// Spans by `tracing-opentelemetry`, events by [`EventLayer`], both under the configured filter.
pub(crate) fn layer<S>(highlight: &Highlight) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let client = &highlight.0;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(client.tracer.clone())
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_level(false)
        .with_target(false)
        .with_filter(SpansOnly);
    let events = EventLayer {
        highlight: highlight.clone(),
        dispatch: OnceLock::new(),
    };
    // The directives were checked by `init`.
    let filter = EnvFilter::builder().parse_lossy(&client.filter);
    spans.and_then(events).with_filter(filter)
}

/// Keeps events from `tracing-opentelemetry`, which would record each a second time, on its span.
#[derive(Debug)]
struct SpansOnly;

impl<S> Filter<S> for SpansOnly {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.is_span()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_span() {
            Interest::always()
        } else {
            Interest::never()
        }
    }
}

/// Writes each event as a log record.
#[derive(Debug)]
struct EventLayer {
    highlight: Highlight,
    dispatch: OnceLock<WeakDispatch>,
}

impl EventLayer {
    /// The ids of the event's own span: the current one, or the one it names as its parent.
    fn correlation<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Correlation
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let current = Correlation::current();
        if event.is_contextual() {
            return current;
        }
        // `parent: None` asks for no span; the session it still belongs to.
        let session = current.session;
        let explicit = context.event_span(event).and_then(|span| {
            let dispatch = self.dispatch.get()?.upgrade()?;
            tracing_opentelemetry::get_otel_context(&span.id(), &dispatch)
        });
        match explicit.as_ref().map(Correlation::of) {
            Some(parent) if parent.session.is_some() => parent,
            Some(parent) => parent.with_session(session),
            None => Correlation::default().with_session(session),
        }
    }
}

impl<S> Layer<S> for EventLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer lives in one registry: the first is the only one.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.highlight.is_silent() {
            return;
        }
        let metadata = event.metadata();
        let level = *metadata.level();
        let correlation = self.correlation(event, &context);
        if level == Level::ERROR && event.is_contextual() {
            mark_span();
        }
        self.highlight
            .log_for(severity(level), &correlation, |record| {
                record
                    .location(&Location {
                        target: metadata.target(),
                        file: metadata.file(),
                        line: metadata.line(),
                    })
                    .thread();
                event.record(&mut Fields {
                    record,
                    takes_errors: level == Level::ERROR,
                });
            });
    }
}

/// An error inside a span makes it a failed one, as `tracing-opentelemetry` has it.
fn mark_span() {
    crate::context::current(|context| {
        if context.has_active_span() {
            context.span().set_status(Status::error(""));
        }
    });
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}

/// Writes an event's fields into its record.
struct Fields<'a, 'b> {
    record: &'a mut LogRecord<'b>,
    /// At level ERROR an error field makes the record an error.
    takes_errors: bool,
}

impl Fields<'_, '_> {
    fn names_an_error(&self, field: &Field) -> bool {
        self.takes_errors && matches!(field.name(), "error" | "err" | "exception")
    }
}

impl Visit for Fields<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record.int(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record.int(field.name(), value),
            Err(_) => self.record.display(field.name(), &value),
        };
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.record.display(field.name(), &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.record.display(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record.double(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record.bool(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record.body(value);
        } else if self.names_an_error(field) {
            self.record.error(ErrorReport::from_text(value));
        } else {
            self.record.text(field.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.takes_errors {
            self.record.error(ErrorReport::from_dyn(value));
        }
        if !self.names_an_error(field) {
            self.record.display(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = Debugged(value);
        if field.name() == "message" {
            self.record.body(&value);
        } else if self.names_an_error(field) {
            self.record.error(ErrorReport::from_text(&value));
        } else {
            self.record.display(field.name(), &value);
        }
    }
}

/// A `Debug` form where a `Display` is wanted; `tracing` wraps its `%` values so that both are the same.
struct Debugged<'a>(&'a dyn Debug);

impl Display for Debugged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
