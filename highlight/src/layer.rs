//! The `tracing` layer: spans are recorded as OpenTelemetry spans, events go straight to the wire.
//!
//! It does for spans what `tracing-opentelemetry` does, with two differences: it lives next to any other layer, that one and
//! itself included, where two of that one panic; and it leaves events to [`fields`].

pub(crate) mod entered;
mod entry;
mod fields;
mod filter;
mod log_fields;
mod noted;
pub(crate) mod prepared;
pub(crate) mod request;
mod slots;
mod span_fields;
mod subscriber;

use opentelemetry::trace::{Status, TraceContextExt as _};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::context::Correlation;
use crate::export::log_record::{Location, Opening};
use crate::export::note::Values;
use crate::export::site::Site;
use crate::handle::Highlight;
use crate::owner::Owner;
use crate::recording::{Recording, SpanAttributes};
pub(crate) use entry::Entry;
use fields::Fields;
use filter::Directives;
use log_fields::LogPlace;
use noted::Noted;
pub(crate) use subscriber::{for_requests, subscriber};

/// The layer under the configured filter.
pub(crate) fn layer<S>(highlight: &Highlight) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    Owner::count_layer();
    let layer = HighlightLayer {
        highlight: highlight.clone(),
    };
    layer.with_filter(Directives::new(&highlight.0.filter))
}

#[derive(Debug)]
struct HighlightLayer {
    highlight: Highlight,
}

/// Where spans are found: a registry that is shared with other layers, or our own subscriber.
trait Known {
    /// The context with the span in it, which begins now, if it had not.
    fn context_of(&self, highlight: &Highlight, id: &Id) -> Option<opentelemetry::Context>;

    /// The same of the span that is entered.
    fn current(&self, highlight: &Highlight) -> Option<opentelemetry::Context>;
}

impl<S> Known for Context<'_, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn context_of(&self, highlight: &Highlight, id: &Id) -> Option<opentelemetry::Context> {
        entry(highlight, &self.span(id)?, Entry::context)
    }

    fn current(&self, highlight: &Highlight) -> Option<opentelemetry::Context> {
        entry(highlight, &self.lookup_current()?, Entry::context)
    }
}

#[inline]
fn entry<T>(
    highlight: &Highlight,
    span: &SpanRef<'_, impl for<'span> LookupSpan<'span>>,
    work: impl FnOnce(&Entry) -> T,
) -> Option<T> {
    Some(work(Entry::of(&span.extensions(), highlight)?))
}

impl HighlightLayer {
    /// The OpenTelemetry context of the current span. It is the current OpenTelemetry context, which may also be that of a span
    /// made without `tracing`; unless another of our layers in the same registry put its own there.
    #[inline]
    fn current(&self, known: &impl Known) -> opentelemetry::Context {
        let current = crate::context::current(opentelemetry::Context::clone);
        let current = current.unwrap_or_default();
        if self.highlight.0.owner.is_not_of(&current)
            && let Some(own) = known.current(&self.highlight)
        {
            return own;
        }
        current
    }

    /// The OpenTelemetry side of a new span; none where nothing is to be recorded.
    #[inline]
    fn made(&self, attributes: &Attributes<'_>, known: &impl Known) -> Option<Entry> {
        let highlight = &self.highlight;
        if highlight.is_silent() {
            return None;
        }
        if let Some(entry) = prepared::entry(highlight, attributes.metadata()) {
            return Some(entry);
        }
        let parent = if let Some(parent) = attributes.parent() {
            let own = known.context_of(highlight, parent);
            own.unwrap_or_else(|| self.current(known))
        } else if attributes.is_contextual() {
            self.current(known)
        } else {
            opentelemetry::Context::default()
        };
        Some(Entry::new(highlight, attributes, parent))
    }

    /// The ids of the event's own span: the current one, or the one it names as its parent.
    fn correlation(&self, event: &Event<'_>, known: &impl Known) -> Correlation {
        let current = Correlation::current();
        if event.is_contextual() {
            if self.highlight.0.owner.is_not(current.ambient.owner()) {
                return Correlation::of(&self.current(known));
            }
            return current;
        }
        // `parent: None` asks for no span; the session it still belongs to.
        let session = current.session().cloned();
        let context = |id: &Id| known.context_of(&self.highlight, id);
        match event.parent().and_then(context) {
            Some(context) => {
                let parent = Correlation::of(&context);
                if parent.session().is_some() {
                    parent
                } else {
                    parent.with_session(session)
                }
            }
            None => Correlation::default().with_session(session),
        }
    }

    fn event(&self, event: &Event<'_>, known: &impl Known) {
        if self.highlight.is_silent() {
            return;
        }
        let metadata = event.metadata();
        let correlation = self.correlation(event, known);
        if *metadata.level() == Level::ERROR && event.is_contextual() {
            mark_span();
        }
        let intake = &self.highlight.0.intake;
        let note = |site: &Site, values: &mut Values<'_>| {
            let mut noted = Noted::new(site, values);
            event.record(&mut noted);
            noted.says_it_all()
        };
        let log = |site: &Site| self.log(event, site, &correlation);
        intake.event(metadata, &correlation, note, log);
    }

    fn log(&self, event: &Event<'_>, site: &Site, correlation: &Correlation) {
        let write = |record: &mut crate::LogRecord<'_>| {
            let place = site.comes_from_log().then(|| LogPlace::of(event));
            let skips_place = matches!(place, Some(Some(_)));
            if let Some(place) = place {
                let metadata = event.metadata();
                let own = Location {
                    target: metadata.target(),
                    file: metadata.file(),
                    line: metadata.line(),
                };
                record.location(&place.as_ref().map_or(own, LogPlace::location));
            }
            event.record(&mut Fields {
                record: record.thread(),
                site,
                skips_place,
            });
        };
        let opening = Opening::Site(site);
        self.highlight.log_for(opening, correlation, write);
    }
}

impl<S> Layer<S> for HighlightLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(entry) = self.made(attributes, &context)
            && let Some(span) = context.span(id)
        {
            entry.put(&mut span.extensions_mut());
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let recording = entry(&self.highlight, &span, |entry| entry.recording().clone());
        if let Some(recording) = recording {
            tell(&self.highlight, &recording, span.metadata(), values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let followed = context.context_of(&self.highlight, follows);
        if let (Some(span), Some(followed)) = (context.span(id), followed) {
            entry(&self.highlight, &span, |entry| {
                follow(entry.recording(), &followed);
            });
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(own) = context.context_of(&self.highlight, id) {
            entered::enter(id, self.highlight.0.owner, own);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        entered::exit(id, self.highlight.0.owner);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        // A hook may log: nothing is held while it runs.
        let own = Entry::take(&mut span.extensions_mut(), &self.highlight);
        if let Some(own) = own {
            own.close();
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.event(event, &context);
    }
}

/// Gives a span fields later. Their own code may log: nothing is to be held while it runs.
fn tell(
    highlight: &Highlight,
    recording: &Recording,
    metadata: &'static Metadata<'static>,
    values: &Record<'_>,
) {
    let mut attributes = SpanAttributes::default();
    let told = span_fields::read(highlight, metadata, values, &mut attributes);
    recording.add_all(&attributes);
    if let Some(name) = told.name {
        recording.rename(name);
    }
    if let Some(kind) = told.kind {
        recording.set_kind(kind);
    }
    if let Some(status) = told.status {
        recording.settle(status);
    }
}

/// Links a span to one that it follows from.
fn follow(recording: &Recording, followed: &opentelemetry::Context) {
    recording.link(followed.span().span_context().clone(), Vec::new());
}

/// An error inside a span makes it a failed one, as `tracing-opentelemetry` has it.
fn mark_span() {
    crate::context::current(|context| {
        if context.has_active_span() {
            context.span().set_status(Status::error(""));
        }
    });
}
