//! A byte buffer per thread, so that encoding a record in steady state allocates nothing.

use std::cell::Cell;

/// A buffer that grew beyond this is not kept.
const KEEP_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer. The buffer is taken, not borrowed, so a `Debug` implementation that logs while it is
/// being logged gets one of its own; so does a thread that is being torn down.
#[inline]
pub(crate) fn with<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buf = SCRATCH.try_with(Cell::take).unwrap_or_default();
    buf.clear();
    let result = work(&mut buf);
    if buf.capacity() <= KEEP_BYTES {
        // The thread may be ending, and the buffer with it.
        let _ = SCRATCH.try_with(|scratch| scratch.set(buf));
    }
    result
}
