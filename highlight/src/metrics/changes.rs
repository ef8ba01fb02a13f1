//! What makes a thread ask anew where its measurements go: an SDK that was shut down, or the first session of the process.

use std::sync::atomic::{AtomicU64, Ordering};

static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Something changed just now. Whoever [counts](count) as many changes as before has seen nothing of it yet.
pub(crate) fn note() {
    CHANGES.fetch_add(1, Ordering::Release);
}

/// How many there were. To be asked first, then what may have changed.
#[inline]
pub(super) fn count() -> u64 {
    CHANGES.load(Ordering::Acquire)
}
