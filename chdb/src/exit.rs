//! Closes open engines when the process exits: libchdb crashes when it is still open then.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError, Weak};

use crate::engine::Worker;
use crate::ffi;

static OPEN: Mutex<Vec<Weak<Worker>>> = Mutex::new(Vec::new());

thread_local! {
    /// Set while the handler is only being moved.
    static MOVING: Cell<bool> = const { Cell::new(false) };
}

/// Remembers `worker` until it is gone, to be closed at exit.
pub(crate) fn close_at_exit(worker: Weak<Worker>) {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|worker| worker.strong_count() > 0);
    open.push(worker);
    drop(open);
    go_first();
}

/// Puts our handler before the others again.
///
/// Exit handlers run from the last registered to the first, and a statement may make libchdb construct globals, whose
/// destructors are such handlers: they must not run before the engines are closed.
pub(crate) fn go_first() {
    MOVING.set(true);
    ffi::at_exit(close_all);
    MOVING.set(false);
}

extern "C" fn close_all(_: *mut c_void) {
    // The main thread's thread-locals may be gone at exit; they are not moving anything then.
    if MOVING.try_with(Cell::get).unwrap_or(false) {
        return;
    }
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    for worker in open.iter().filter_map(Weak::upgrade) {
        worker.close();
    }
}
