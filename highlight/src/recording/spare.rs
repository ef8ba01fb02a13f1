//! Spans that are over and belong to nobody any more, kept by the thread for those it makes next: with their memory.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};

use opentelemetry::StringValue;
use opentelemetry::trace::{SpanKind, Status};

use super::{Live, Shared};
use crate::handle::Highlight;

/// A thread keeps so many. More are seldom open at the same time.
const MOST: usize = 16;
/// Bytes that one may keep for its attributes.
const KEEP_BYTES: usize = 1024;

thread_local! {
    static SPARE: RefCell<Vec<Arc<Shared>>> = const { RefCell::new(Vec::new()) };
}

/// An empty one that nobody else has, where there is one.
#[inline]
pub(super) fn take() -> Option<Arc<Shared>> {
    // A thread may be ending, and what it kept with it.
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok()?
}

/// Keeps one that is over, unless somebody else has it too.
#[inline]
pub(super) fn keep(mut shared: Arc<Shared>) {
    let Some(unused) = Arc::get_mut(&mut shared) else {
        return;
    };
    let live = unused.live.get_mut();
    live.unwrap_or_else(PoisonError::into_inner).empty();
    // The process's own handle lives for ever; another must not live on only for this. To count a handle's users costs threads that do
    // it at the same time more than all the rest here.
    if !unused.highlight.as_ref().is_some_and(is_installed) {
        unused.highlight = None;
    }
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST {
            spare.push(shared);
        }
    });
}

#[inline]
fn is_installed(highlight: &Highlight) -> bool {
    Highlight::installed().is_some_and(|installed| installed.is_same(highlight))
}

impl Live {
    /// As it was when it was new, but for the memory.
    #[inline]
    fn empty(&mut self) {
        debug_assert!(self.is_over());
        self.draft.name = StringValue::from("");
        self.draft.kind = SpanKind::Internal;
        self.draft.status = Status::Unset;
        self.draft.attributes.clear(KEEP_BYTES);
        if self.events > 0 || self.links > 0 {
            self.parts = Vec::new();
            self.gaps = Vec::new();
            self.events = 0;
            self.links = 0;
        }
    }
}
