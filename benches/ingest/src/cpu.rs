//! CPU time of a process by what its threads do, from Linux's `/proc`.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// CPU time so far, or between two points in time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    /// The threads of the tokio runtime: reading, decompressing, decoding and encoding.
    pub decoding: Duration,
    /// The engine's threads that make larger parts of smaller ones in the background.
    pub merging: Duration,
    /// All other threads: the engine's own.
    pub inserting: Duration,
}

impl Cpu {
    /// Of a live process.
    pub fn of(process: u32) -> Self {
        let mut cpu = Self::default();
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("Linux has /proc");
        for thread in threads.flatten() {
            // A thread may end meanwhile; the engine keeps its threads in pools.
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let nanoseconds = read("schedstat")
                .split(' ')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let spent = Duration::from_nanos(nanoseconds);
            let name = read("comm");
            if name.starts_with("tokio") || name.starts_with("server-mock") {
                cpu.decoding += spent;
            } else if name.starts_with("MergeMutate") {
                cpu.merging += spent;
            } else {
                cpu.inserting += spent;
            }
        }
        cpu
    }

    pub fn total(self) -> Duration {
        self.decoding + self.merging + self.inserting
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            decoding: self.decoding.saturating_sub(before.decoding),
            merging: self.merging.saturating_sub(before.merging),
            inserting: self.inserting.saturating_sub(before.inserting),
        }
    }
}
