//! The `tracing` layer: spans become OpenTelemetry spans, events go straight to the wire.
//!
//! It does for spans what `tracing-opentelemetry` does, with two differences: it lives next to any other layer, that one and
//! itself included, where two of that one panic; and it leaves events to [`fields`].

mod fields;
mod log_fields;
mod span;

use opentelemetry::trace::{Status, TraceContextExt as _};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};
use tracing_subscriber::{EnvFilter, Layer};

use crate::context::Correlation;
use crate::export::log_record::{Location, Severity};
use crate::handle::Highlight;
use fields::Fields;
use log_fields::LogPlace;
pub(crate) use span::Entry;

/// The layer under the configured filter.
pub(crate) fn layer<S>(highlight: &Highlight) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    // The directives were checked by `init`.
    let filter = EnvFilter::builder().parse_lossy(&highlight.0.filter);
    let layer = HighlightLayer {
        highlight: highlight.clone(),
    };
    layer.with_filter(filter)
}

#[derive(Debug)]
struct HighlightLayer {
    highlight: Highlight,
}

impl HighlightLayer {
    fn entry<S>(&self, span: &SpanRef<'_, S>) -> Option<Entry>
    where
        S: for<'span> LookupSpan<'span>,
    {
        Entry::of(&span.extensions(), &self.highlight)
    }

    /// The OpenTelemetry context of the current span. It is the current OpenTelemetry context, which may also be that of a span
    /// made without `tracing`; unless another of our layers in the same registry put its own there.
    fn current<S>(&self, context: &Context<'_, S>) -> opentelemetry::Context
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let current = crate::context::current(opentelemetry::Context::clone);
        let current = current.unwrap_or_default();
        if span::is_anothers(&current, &self.highlight)
            && let Some(span) = context.lookup_current()
            && let Some(entry) = self.entry(&span)
        {
            return entry.context().clone();
        }
        current
    }

    /// The ids of the event's own span: the current one, or the one it names as its parent.
    fn correlation<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Correlation
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if event.is_contextual() {
            let foreign = |current: &_| span::is_anothers(current, &self.highlight);
            return match crate::context::current(foreign) {
                Some(true) => Correlation::of(&self.current(context)),
                _ => Correlation::current(),
            };
        }
        // `parent: None` asks for no span; the session it still belongs to.
        let session = Correlation::current().session;
        let entry = context.event_span(event).and_then(|span| self.entry(&span));
        match entry.map(|entry| Correlation::of(entry.context())) {
            Some(parent) if parent.session.is_some() => parent,
            Some(parent) => parent.with_session(session),
            None => Correlation::default().with_session(session),
        }
    }
}

impl<S> Layer<S> for HighlightLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if self.highlight.is_silent() {
            return;
        }
        let parent = if let Some(parent) = attributes.parent() {
            let entry = context.span(parent).and_then(|span| self.entry(&span));
            entry.map_or_else(|| self.current(&context), |entry| entry.context().clone())
        } else if attributes.is_contextual() {
            self.current(&context)
        } else {
            opentelemetry::Context::default()
        };
        if let Some(span) = context.span(id) {
            Entry::new(&self.highlight, attributes, parent).put(&mut span.extensions_mut());
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(entry) = context.span(id).and_then(|span| self.entry(&span)) {
            entry.record(values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let entry = |id| context.span(id).and_then(|span| self.entry(&span));
        if let (Some(entry), Some(followed)) = (entry(id), entry(follows)) {
            let followed = followed.context().span().span_context().clone();
            entry.link(followed);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(entry) = context.span(id).and_then(|span| self.entry(&span)) {
            span::enter(id, &self.highlight, entry.context().clone());
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        span::exit(id, &self.highlight);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(entry) = context.span(&id).and_then(|span| self.entry(&span)) {
            entry.context().span().end();
        }
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
        let write = |record: &mut crate::LogRecord<'_>| {
            let own = Location {
                target: metadata.target(),
                file: metadata.file(),
                line: metadata.line(),
            };
            let place = LogPlace::of(event);
            record.location(&place.as_ref().map_or(own, LogPlace::location));
            event.record(&mut Fields {
                record: record.thread(),
                takes_errors: level == Level::ERROR,
                skips_place: place.is_some(),
            });
        };
        self.highlight.log_for(severity(level), &correlation, write);
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
