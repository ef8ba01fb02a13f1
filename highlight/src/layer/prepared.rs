//! A span that the SDK opens itself: its OpenTelemetry side is handed to the layer ready-made, and back begun, past the registry.

use std::cell::Cell;

use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use tracing::Metadata;

use super::entry::Entry;
use super::request::RequestSpan;
use crate::context::Ambient;
use crate::handle::Highlight;
use crate::recording::Title;

/// What the layer makes the span of.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) title: Title,
    pub(crate) parent: Context,
}

/// What lies between a span's opening and the layer.
#[derive(Debug, Default)]
enum Handed {
    #[default]
    Nothing,
    Prepared(Prepared),
    Opened(RequestSpan),
}

thread_local! {
    static HANDED: Cell<Handed> = const { Cell::new(Handed::Nothing) };
}

/// Calls `open`, which makes a span of this crate's own, whose OpenTelemetry side is made of `title` below `parent`. Gives these
/// back where no layer of ours sees the span.
#[inline]
pub(crate) fn open(
    title: Title,
    parent: Context,
    open: impl FnOnce() -> tracing::Span,
) -> Result<(tracing::Span, RequestSpan), Prepared> {
    let mut prepared = Handed::Prepared(Prepared { title, parent });
    // On a thread that is being torn down there may be no handing over.
    let _ = HANDED.try_with(|slot| slot.set(std::mem::take(&mut prepared)));
    let span = open();
    match HANDED.try_with(Cell::take).unwrap_or(prepared) {
        Handed::Opened(opened) => Ok((span, opened)),
        Handed::Prepared(prepared) => Err(prepared),
        // Whoever takes the one leaves the other.
        Handed::Nothing => Err(Prepared {
            title: Title {
                name: "request".into(),
                kind: SpanKind::Server,
            },
            parent: Context::default(),
        }),
    }
}

/// The entry of a span that is being opened, where it is prepared. Where the process has several layers of ours, the first to see
/// it takes it.
#[inline]
pub(super) fn entry(highlight: &Highlight, metadata: &Metadata<'_>) -> Option<Entry> {
    if metadata.target() != "highlight::http" {
        return None;
    }
    let Prepared { title, parent } = match HANDED.try_with(Cell::take).ok()? {
        Handed::Prepared(prepared) => prepared,
        other => {
            HANDED.set(other);
            return None;
        }
    };
    let ambient = Ambient::of(&parent);
    let opened = RequestSpan::begin(highlight, title, parent, ambient, |_| ());
    let (recording, context) = (opened.recording.clone(), opened.context.clone());
    HANDED.set(Handed::Opened(opened));
    Some(Entry::begun(recording, context))
}
