//! Which SDK made a context, where a process has several.

use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::Context;

use crate::context::Ambient;

/// The layers that were made so far. With a single one, nobody asks whose a context is, and nothing is marked.
static LAYERS: AtomicUsize = AtomicUsize::new(0);

/// Tells the SDKs of a process apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(usize);

impl Owner {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Owner(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// There is one layer more from now on.
    pub(crate) fn count_layer() {
        LAYERS.fetch_add(1, Ordering::Relaxed);
    }

    /// What to put into a context that this SDK makes, where that says anything new.
    #[inline]
    pub(crate) fn mark(self, ambient: &Ambient) -> Option<Owner> {
        (!is_alone() && ambient.owner() != Some(self)).then_some(self)
    }

    /// True when `context` was made by another.
    pub(crate) fn is_not_of(self, context: &Context) -> bool {
        let mark = || context.get::<Ambient>()?.owner();
        !is_alone() && self.is_not(mark())
    }

    /// True when a context marked with `mark` was made by another.
    pub(crate) fn is_not(self, mark: Option<Owner>) -> bool {
        mark.is_some_and(|owner| owner != self)
    }
}

#[inline]
fn is_alone() -> bool {
    LAYERS.load(Ordering::Relaxed) < 2
}
