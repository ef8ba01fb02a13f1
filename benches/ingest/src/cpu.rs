//! CPU time of a process by what its threads do, from Linux's `/proc`.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// CPU time so far, or between two points in time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    /// The threads of the tokio runtime: reading, decompressing, decoding and encoding.
    pub decoding: Duration,
    /// All other threads: the engine's own, with its background merges.
    pub engine: Duration,
}

impl Cpu {
    /// Of a live process.
    pub fn of(process: u32) -> Self {
        let mut cpu = Self::default();
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("Linux has /proc");
        for thread in threads.flatten() {
            // A thread may end meanwhile; the engine keeps its threads in pools.
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let nanoseconds = read("schedstat").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
            let spent = Duration::from_nanos(nanoseconds);
            let name = read("comm");
            if name.starts_with("tokio") || name.starts_with("server-mock") {
                cpu.decoding += spent;
            } else {
                cpu.engine += spent;
            }
            if std::env::var_os("INGEST_THREADS").is_some() && spent > Duration::from_millis(5) {
                eprintln!("  {spent:?} {}", name.trim());
            }
        }
        cpu
    }

    pub fn total(self) -> Duration {
        self.decoding + self.engine
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            decoding: self.decoding.saturating_sub(before.decoding),
            engine: self.engine.saturating_sub(before.engine),
        }
    }
}
