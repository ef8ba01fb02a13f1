//! The `tracing` layer: spans are recorded as OpenTelemetry spans, events go straight to the wire.
//!
//! It does for spans what `tracing-opentelemetry` does, with two differences: it lives next to any other layer, that one and
//! itself included, where two of that one panic; and it leaves events to [`fields`].

mod entry;
mod fields;
mod filter;
mod log_fields;
mod noted;
pub(crate) mod prepared;
mod span_fields;

use opentelemetry::trace::{Status, TraceContextExt as _};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::context::{Ambient, Correlation};
use crate::export::log_record::{Location, Opening};
use crate::export::note::Values;
use crate::export::site::Site;
use crate::handle::Highlight;
use crate::owner::Owner;
pub(crate) use entry::Entry;
use fields::Fields;
use filter::Directives;
use log_fields::LogPlace;
use noted::Noted;

/// The layer under the configured filter.
pub(crate) fn layer<S>(highlight: &Highlight) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let filter = Directives::new(&highlight.0.filter);
    Owner::count_layer();
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
    fn entry<T>(
        &self,
        span: &SpanRef<'_, impl for<'span> LookupSpan<'span>>,
        work: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        Some(work(Entry::of(&span.extensions(), &self.highlight)?))
    }

    /// The OpenTelemetry context of the current span. It is the current OpenTelemetry context, which may also be that of a span
    /// made without `tracing`; unless another of our layers in the same registry put its own there.
    fn current<S>(&self, context: &Context<'_, S>) -> opentelemetry::Context
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let current = crate::context::current(opentelemetry::Context::clone);
        let current = current.unwrap_or_default();
        let owner = Ambient::of(&current).owner();
        if self.highlight.0.owner.is_not(owner)
            && let Some(span) = context.lookup_current()
            && let Some(own) = self.entry(&span, |entry| entry.context().clone())
        {
            return own;
        }
        current
    }

    /// The ids of the event's own span: the current one, or the one it names as its parent.
    fn correlation<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Correlation
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let current = Correlation::current();
        if event.is_contextual() {
            if self.highlight.0.owner.is_not(current.ambient.owner()) {
                return Correlation::of(&self.current(context));
            }
            return current;
        }
        // `parent: None` asks for no span; the session it still belongs to.
        let session = current.session().cloned();
        let of_parent = |span| self.entry(&span, |entry| Correlation::of(entry.context()));
        match context.event_span(event).and_then(of_parent) {
            Some(parent) if parent.session().is_some() => parent,
            Some(parent) => parent.with_session(session),
            None => Correlation::default().with_session(session),
        }
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
        if self.highlight.is_silent() {
            return;
        }
        if let Some(entry) = prepared::entry(&self.highlight, attributes.metadata()) {
            if let Some(span) = context.span(id) {
                entry.put(&mut span.extensions_mut());
            }
            return;
        }
        let parent = if let Some(parent) = attributes.parent() {
            let parent = context.span(parent);
            let own = parent.and_then(|span| self.entry(&span, |entry| entry.context().clone()));
            own.unwrap_or_else(|| self.current(&context))
        } else if attributes.is_contextual() {
            self.current(&context)
        } else {
            opentelemetry::Context::default()
        };
        if let Some(span) = context.span(id) {
            let entry = Entry::new(&self.highlight, attributes, parent);
            entry.put(&mut span.extensions_mut());
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        // The values' own code may log: nothing is held while it runs.
        let fields = span_fields::read(&self.highlight, span.metadata(), values);
        self.entry(&span, |entry| entry.record(fields));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let Some(followed) = context.span(follows) else {
            return;
        };
        let followed = self.entry(&followed, |entry| {
            entry.context().span().span_context().clone()
        });
        if let (Some(span), Some(followed)) = (context.span(id), followed) {
            self.entry(&span, |entry| entry.recording().link(followed, Vec::new()));
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(own) = self.entry(&span, |entry| entry.context().clone()) {
            entry::enter(id, &self.highlight, own);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        entry::exit(id, &self.highlight);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        // A hook may log: nothing is held while it runs.
        if let Some(recording) = self.entry(&span, |entry| entry.recording().clone()) {
            recording.finish();
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if self.highlight.is_silent() {
            return;
        }
        let metadata = event.metadata();
        let correlation = self.correlation(event, &context);
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
}

/// An error inside a span makes it a failed one, as `tracing-opentelemetry` has it.
fn mark_span() {
    crate::context::current(|context| {
        if context.has_active_span() {
            context.span().set_status(Status::error(""));
        }
    });
}
