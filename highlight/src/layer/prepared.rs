//! A span that the SDK opens itself: its OpenTelemetry side is handed to the layer ready-made, and back begun, past the registry.

use std::cell::Cell;

use opentelemetry::Context;
use tracing::Metadata;

use super::entry::Entry;
use crate::handle::Highlight;
use crate::recording::{Draft, Recording};

/// What the layer makes the span of.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) draft: Draft,
    pub(crate) parent: Context,
}

/// What the layer has made.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) context: Context,
    pub(crate) recording: Recording,
}

thread_local! {
    static PREPARED: Cell<Option<Prepared>> = const { Cell::new(None) };
    static OPENED: Cell<Option<Opened>> = const { Cell::new(None) };
}

/// Calls `open`, which makes a span of this crate's own, whose OpenTelemetry side is made of `draft` below `parent`. Gives these
/// back where no layer of ours sees the span.
pub(crate) fn open(
    draft: Draft,
    parent: Context,
    open: impl FnOnce() -> tracing::Span,
) -> Result<(tracing::Span, Opened), Prepared> {
    let mut prepared = Some(Prepared { draft, parent });
    // On a thread that is being torn down there may be no handing over.
    let _ = PREPARED.try_with(|slot| slot.set(prepared.take()));
    let span = open();
    let opened = OPENED.try_with(Cell::take).ok().flatten();
    let unused = PREPARED.try_with(Cell::take).ok().flatten();
    match (opened, unused.or(prepared)) {
        (Some(opened), _) => Ok((span, opened)),
        (None, Some(prepared)) => Err(prepared),
        // Whoever takes one sets the other.
        (None, None) => Err(Prepared {
            draft: Draft::new("request"),
            parent: Context::default(),
        }),
    }
}

/// The entry of a span that is being opened, where it is prepared. Where the process has several layers of ours, the first to see
/// it takes it.
pub(super) fn entry(highlight: &Highlight, metadata: &Metadata<'_>) -> Option<Entry> {
    if metadata.target() != "highlight::http" {
        return None;
    }
    let Prepared { draft, parent } = PREPARED.try_with(Cell::take).ok()??;
    let recording = Recording::new(highlight, draft, parent);
    let context = recording.begin_alone();
    let opened = Opened {
        context: context.clone(),
        recording: recording.clone(),
    };
    let _ = OPENED.try_with(|slot| slot.set(Some(opened)));
    Some(Entry::begun(recording, context))
}
