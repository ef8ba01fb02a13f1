//! A `tracing` span's OpenTelemetry side: kept in the registry, begun when it is first needed.

use std::cell::RefCell;
use std::sync::OnceLock;

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, ContextGuard};
use tracing::span::{Attributes, Id};
use tracing_subscriber::registry::{Extensions, ExtensionsMut, LookupSpan as _, Registry};

use super::span_fields::{self, Told};
use crate::handle::Highlight;
use crate::owner::Owner;
use crate::recording::{Draft, Recording};

/// The OpenTelemetry side of one `tracing` span, for one SDK.
#[derive(Debug)]
pub(crate) struct Entry {
    recording: Recording,
    /// Once it has begun: the context with the span in it.
    context: OnceLock<Context>,
}

/// The entries of a span: one for each SDK whose layer is in the registry.
#[derive(Debug)]
struct Entries {
    first: Entry,
    others: Vec<Entry>,
}

impl Entry {
    pub(super) fn new(highlight: &Highlight, attributes: &Attributes<'_>, parent: Context) -> Self {
        let metadata = attributes.metadata();
        let told = span_fields::read(highlight, metadata, attributes);
        let draft = Draft {
            name: told.name.unwrap_or(metadata.name().into()),
            kind: told.kind.unwrap_or(SpanKind::Internal),
            status: told.status.unwrap_or_default(),
            attributes: told.attributes,
        };
        Entry {
            recording: Recording::new(highlight, draft, parent),
            context: OnceLock::new(),
        }
    }

    /// Of a span that has begun.
    pub(super) fn begun(recording: Recording, context: Context) -> Self {
        Entry {
            recording,
            context: OnceLock::from(context),
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

    pub(super) fn of<'a>(
        extensions: &'a Extensions<'_>,
        highlight: &Highlight,
    ) -> Option<&'a Self> {
        let entries = extensions.get::<Entries>()?;
        let mut entries = std::iter::once(&entries.first).chain(&entries.others);
        entries.find(|entry| entry.recording.highlight().is_same(highlight))
    }

    /// Shows the entry of a `tracing` span; that of the first SDK where its registry has several.
    pub(crate) fn find<T>(span: &tracing::Span, work: impl FnOnce(&Entry) -> T) -> Option<T> {
        span.with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            let extensions = span.extensions();
            Some(work(&extensions.get::<Entries>()?.first))
        })?
    }

    /// Its context, with the span in it; begins the span.
    pub(crate) fn context(&self) -> &Context {
        // One that is closed already has none.
        let begin = || self.recording.begin().unwrap_or_default();
        self.context.get_or_init(begin)
    }

    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(super) fn record(&self, told: Told) {
        self.recording.add_encoded(&told.attributes);
        if let Some(name) = told.name {
            self.recording.rename(name);
        }
        if let Some(kind) = told.kind {
            self.recording.set_kind(kind);
        }
        if let Some(status) = told.status {
            self.recording.settle(status);
        }
    }
}

thread_local! {
    /// The contexts of the spans that are entered on this thread.
    static ENTERED: RefCell<Vec<(Id, Owner, ContextGuard)>> = const { RefCell::new(Vec::new()) };
}

/// Makes the span's context the current one.
pub(super) fn enter(id: &Id, highlight: &Highlight, context: Context) {
    // On a thread that is being torn down neither OpenTelemetry's thread-local nor ours can be used.
    if crate::context::current(|_| ()).is_some() {
        let entered = (id.clone(), highlight.0.owner, context.attach());
        let _ = ENTERED.try_with(|stack| stack.borrow_mut().push(entered));
    }
}

/// Goes back to the context before.
pub(super) fn exit(id: &Id, highlight: &Highlight) {
    let owner = highlight.0.owner;
    let left = ENTERED.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let at = stack
            .iter()
            .rposition(|(known, of, _)| known == id && *of == owner)?;
        Some(stack.remove(at))
    });
    // Dropped when nothing is borrowed any more: the context may be a span's last.
    drop(left);
}
