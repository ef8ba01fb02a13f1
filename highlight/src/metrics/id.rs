//! What tells metrics and series apart, those of other SDKs in the process too.

use std::sync::atomic::{AtomicU64, Ordering};

use super::tags::spread;

/// See the module's description. None has the default one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u64);

impl Id {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(spread(0, NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Ids that follow each other differ in the upper bits most.
    #[inline]
    pub(super) fn bits(self) -> u64 {
        self.0
    }
}

/// An id that may come later.
#[derive(Debug, Default)]
pub(super) struct Later(AtomicU64);

impl Later {
    #[inline]
    pub(super) fn get(&self) -> Id {
        Id(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, id: Id) {
        self.0.store(id.0, Ordering::Relaxed);
    }
}

impl Clone for Later {
    fn clone(&self) -> Self {
        Later(AtomicU64::new(self.get().0))
    }
}
