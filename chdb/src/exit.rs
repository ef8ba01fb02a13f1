//! Closes open engines when the process exits: libchdb crashes when it is still open then.

use std::sync::{Mutex, Once, PoisonError, Weak};

use crate::engine::Worker;
use crate::ffi;

static OPEN: Mutex<Vec<Weak<Worker>>> = Mutex::new(Vec::new());

/// Remembers `worker` until it is gone, to be closed at exit.
pub(crate) fn close_at_exit(worker: Weak<Worker>) {
    static REGISTERED: Once = Once::new();
    // Registered after the library is loaded, so it runs before the library's own exit handlers.
    REGISTERED.call_once(|| ffi::at_exit(close_all));
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|worker| worker.strong_count() > 0);
    open.push(worker);
}

extern "C" fn close_all() {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    for worker in open.iter().filter_map(Weak::upgrade) {
        worker.close();
    }
}
