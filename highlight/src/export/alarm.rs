//! What wakes the worker some milliseconds after an error.
//!
//! To wake the worker at once costs the thread that had the error twice: an interrupt on another processor, and often its own, which the
//! worker takes away only to learn that it has to wait for company. So the thread sets a timer of the system, which nobody feels until
//! it rings.

#[cfg_attr(
    all(
        not(shuttle),
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ),
    path = "alarm/timer.rs"
)]
#[cfg_attr(
    not(all(
        not(shuttle),
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "alarm/no_timer.rs"
)]
mod timer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::buffer::Buffer;
use timer::Timer;

/// Nobody set it, or what it rang for is done.
const OFF: u8 = 0;
const SET: u8 = 1;
const RUNG: u8 = 2;

/// One timer: who sets it again puts it off.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    state: AtomicU8,
    timer: Timer,
}

impl Alarm {
    /// Lets the worker be woken `after` a while. False where it has to be told now.
    pub(crate) fn set(&self, after: Duration) -> bool {
        // First, since it may ring before this thread goes on.
        self.state.store(SET, Ordering::Release);
        let is_set = self.timer.set(after);
        if !is_set {
            self.state.store(OFF, Ordering::Release);
        }
        is_set
    }

    /// It is set and will ring.
    pub(crate) fn is_set(&self) -> bool {
        self.state.load(Ordering::Acquire) == SET
    }

    pub(crate) fn has_rung(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNG
    }

    /// What it rang for is done.
    pub(crate) fn clear(&self) {
        self.turn(RUNG, OFF);
    }

    fn turn(&self, from: u8, to: u8) {
        let (done, otherwise) = (Ordering::AcqRel, Ordering::Relaxed);
        // Who sets it meanwhile is right.
        let _ = self.state.compare_exchange(from, to, done, otherwise);
    }

    /// Wakes the worker whenever it rings, for as long as the worker's runtime lives, in which this is called. Where that cannot be, it
    /// is never set.
    pub(crate) fn begin(buffer: &Arc<Buffer>) {
        if let Some(mut rings) = buffer.alarm.timer.begin() {
            let buffer = Arc::clone(buffer);
            tokio::spawn(async move {
                while rings.next().await {
                    buffer.alarm.turn(SET, RUNG);
                    buffer.wake.notify_one();
                }
                buffer.alarm.timer.end();
            });
        }
    }
}

/// Where there is a timer.
#[cfg(all(
    test,
    not(shuttle),
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::export::buffer::Bounds;

    #[test]
    fn it_wakes_the_worker_after_a_while_and_each_time_it_is_set() {
        let buffer = Arc::new(Buffer::new(Bounds {
            budget: 1_000,
            request: 500,
        }));
        let alarm = &buffer.alarm;
        assert!(!alarm.set(Duration::ZERO), "nobody listens yet");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            Alarm::begin(&buffer);
            for milliseconds in [0, 1, 5] {
                let (after, begun) = (Duration::from_millis(milliseconds), Instant::now());
                assert!(alarm.set(after));
                assert!(alarm.is_set() || alarm.has_rung());
                buffer.wake.notified().await;
                assert!(begun.elapsed() >= after);
                assert!(alarm.has_rung());
                alarm.clear();
                assert!(!alarm.has_rung() && !alarm.is_set());
            }
        });
    }
}
