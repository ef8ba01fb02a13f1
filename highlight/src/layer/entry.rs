//! A `tracing` span's OpenTelemetry side: begun when it is first needed.

use std::sync::{Mutex, PoisonError};

use opentelemetry::Context;
use tracing::span::{Attributes, Id};
use tracing_subscriber::registry::{Extensions, ExtensionsMut, LookupSpan as _, Registry};

use super::span_fields;
use super::subscriber::Spans;
use crate::export::buffer::lock;
use crate::handle::Highlight;
use crate::recording::{Draft, Recording};

/// The OpenTelemetry side of one `tracing` span, for one SDK.
#[derive(Debug)]
pub(crate) struct Entry {
    recording: Recording,
    /// Once it has begun: the context with the span in it.
    context: Mutex<Option<Context>>,
}

/// The entries of a span in a registry: one for each SDK whose layer is in it.
#[derive(Debug)]
pub(super) struct Entries {
    first: Entry,
    others: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(highlight: &Highlight, attributes: &Attributes<'_>, parent: Context) -> Self {
        let metadata = attributes.metadata();
        let fill = |draft: &mut Draft| {
            let told = span_fields::read(highlight, metadata, attributes, &mut draft.attributes);
            draft.name = told.name.unwrap_or(metadata.name().into());
            if let Some(kind) = told.kind {
                draft.kind = kind;
            }
            if let Some(status) = told.status {
                draft.status = status;
            }
        };
        Entry {
            recording: Recording::filled(highlight, parent, fill),
            context: Mutex::new(None),
        }
    }

    /// Of a span that has begun.
    #[inline]
    pub(super) fn begun(recording: Recording, context: Context) -> Self {
        Entry {
            recording,
            context: Mutex::new(Some(context)),
        }
    }

    pub(super) fn put(self, extensions: &mut ExtensionsMut<'_>) {
        if let Some(entries) = extensions.get_mut::<Entries>() {
            entries.others.push(self);
        } else {
            extensions.insert(Entries {
                first: self,
                others: Vec::new(),
            });
        }
    }

    /// Takes that of `highlight` out.
    pub(super) fn take(extensions: &mut ExtensionsMut<'_>, highlight: &Highlight) -> Option<Self> {
        let entries = extensions.get_mut::<Entries>()?;
        let mut others = entries.others.iter();
        if let Some(at) = others.position(|entry| entry.recording.is_of(highlight)) {
            return Some(entries.others.swap_remove(at));
        }
        if !entries.first.recording.is_of(highlight) {
            return None;
        }
        match entries.others.pop() {
            Some(other) => Some(std::mem::replace(&mut entries.first, other)),
            None => Some(extensions.remove::<Entries>()?.first),
        }
    }

    pub(super) fn of<'a>(
        extensions: &'a Extensions<'_>,
        highlight: &Highlight,
    ) -> Option<&'a Self> {
        let entries = extensions.get::<Entries>()?;
        let mut entries = std::iter::once(&entries.first).chain(&entries.others);
        entries.find(|entry| entry.recording.is_of(highlight))
    }

    /// The context of a `tracing` span, which begins now, if it had not.
    pub(crate) fn context_of(span: &tracing::Span) -> Option<Context> {
        let of_spans = |spans: &Spans, id: &Id| spans.context(id);
        Entry::find(span, of_spans, Entry::context)
    }

    /// The recording of a `tracing` span.
    pub(crate) fn recording_of(span: &tracing::Span) -> Option<Recording> {
        let of_spans = |spans: &Spans, id: &Id| spans.recording(id);
        Entry::find(span, of_spans, |entry| entry.recording().clone())
    }

    /// In a registry with several SDKs it is that of the first.
    fn find<T>(
        span: &tracing::Span,
        of_spans: impl FnOnce(&Spans, &Id) -> Option<T>,
        of_entry: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        span.with_subscriber(|(id, dispatch)| {
            if let Some(spans) = dispatch.downcast_ref::<Spans>() {
                return of_spans(spans, id);
            }
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            let extensions = span.extensions();
            Some(of_entry(&extensions.get::<Entries>()?.first))
        })?
    }

    /// Its context, with the span in it, which begins now, if it had not.
    #[inline]
    pub(super) fn context(&self) -> Context {
        // Dropped last, when nothing is locked.
        let mut parent = None;
        let mut own = lock(&self.context);
        begun(&self.recording, &mut own, &mut parent)
    }

    /// [`context`](Self::context). What is left in `parent` is to be dropped when nothing is locked any more.
    pub(super) fn context_mut(&mut self, parent: &mut Option<Context>) -> Context {
        let own = self.context.get_mut();
        let own = own.unwrap_or_else(PoisonError::into_inner);
        begun(&self.recording, own, parent)
    }

    pub(super) fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The span is over, and nobody will ask for the entry again.
    #[inline]
    pub(super) fn close(self) {
        self.recording.finish();
        drop(self.context);
        self.recording.retire();
    }
}

#[inline]
fn begun(
    recording: &Recording,
    own: &mut Option<Context>,
    parent: &mut Option<Context>,
) -> Context {
    if let Some(context) = own {
        return context.clone();
    }
    // One that is closed already has none.
    let Some(begun) = recording.begin() else {
        return Context::default();
    };
    *parent = Some(begun.parent);
    own.insert(begun.context).clone()
}
