//! What makes a thread ask anew where its measurements go: that an SDK was shut down.

use std::sync::atomic::{AtomicU64, Ordering};

static SHUTDOWNS: AtomicU64 = AtomicU64::new(0);

/// One was shut down just now.
pub(crate) fn note() {
    SHUTDOWNS.fetch_add(1, Ordering::Release);
}

/// How many there were. To be asked first, and then whether an SDK is running.
#[inline]
pub(super) fn count() -> u64 {
    SHUTDOWNS.load(Ordering::Acquire)
}
