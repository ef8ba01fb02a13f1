//! A timer of Linux, which the worker's runtime waits for as for its sockets.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::unix::AsyncFd;

#[derive(Debug, Default)]
pub(super) struct Timer {
    file: OnceLock<File>,
    /// Nobody listens any more.
    over: AtomicBool,
}

/// The listening side.
pub(super) struct Rings(AsyncFd<File>);

impl Timer {
    /// To be called in the runtime that will listen. None where the system has no such timer to give.
    #[expect(
        deprecated,
        reason = "its successor is not yet in every tokio 1 that a lock file may name"
    )]
    pub(super) fn begin(&self) -> Option<Rings> {
        let timer = create()?;
        let listener = AsyncFd::new(timer.try_clone().ok()?).ok()?;
        self.file.set(timer).ok()?;
        Some(Rings(listener))
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// False where nobody would hear it.
    #[expect(unsafe_code, reason = "the system has its timers in C")]
    pub(super) fn set(&self, after: Duration) -> bool {
        let Some(timer) = self.file.get() else {
            return false;
        };
        let once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let when = libc::itimerspec {
            it_interval: once,
            // Zero would stop it.
            it_value: libc::timespec {
                tv_sec: after.as_secs().cast_signed(),
                tv_nsec: i64::from(after.subsec_nanos()).max(1),
            },
        };
        // SAFETY: the times are read during the call, and nothing is asked back. Whatever the application has done to the descriptor,
        // the system checks that it is a timer's.
        let set = unsafe {
            libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const when, ptr::null_mut())
        };
        set == 0 && !self.over.load(Ordering::Acquire)
    }
}

impl Rings {
    /// Waits until it rings. False when it never will again.
    pub(super) async fn next(&mut self) -> bool {
        loop {
            let Ok(mut ready) = self.0.readable_mut().await else {
                return false;
            };
            let mut times = [0; 8];
            match ready.get_inner_mut().read(&mut times) {
                Ok(_) => return true,
                // It was set again meanwhile.
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

#[expect(unsafe_code, reason = "the system has its timers in C")]
fn create() -> Option<File> {
    let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
    // SAFETY: it takes two numbers.
    let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
    // SAFETY: the descriptor was just opened, and nobody else has it.
    (timer >= 0).then(|| unsafe { File::from_raw_fd(timer) })
}
