//! The byte-bounded hand-over from the application's threads to the worker.
//!
//! A record arrives as finished protobuf bytes and is copied once, into the open chunk of its signal. A chunk that is
//! full is sealed. The worker is woken by the first record after a pause, by a sealed chunk and by an error, never once
//! per record.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::InstrumentationScope;
use tokio::sync::Notify;

use super::deferred::Deferred;
use super::proto;
use super::stats::{Counters, DropReason, SIGNALS, Signal};

/// Field number of `log_records` in `ScopeLogs`, of `spans` in `ScopeSpans` and of `metrics` in `ScopeMetrics`.
const RECORDS: u32 = 2;

/// Memory of a record beyond its bytes: the field header in the chunk.
const HEADER_BYTES: usize = 8;

/// Finished records of one signal, grouped by instrumentation scope.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) scopes: Vec<(InstrumentationScope, Vec<u8>)>,
    pub(crate) records: u64,
    /// Bytes of the budget that this chunk holds.
    pub(crate) held: usize,
    /// Payload bytes, the measure for sealing.
    pub(crate) size: usize,
}

impl Chunk {
    /// Appends one record, which holds `held` bytes of the budget.
    pub(crate) fn append(&mut self, scope: &InstrumentationScope, record: &[u8], held: usize) {
        self.append_counted(scope, record, held, 1);
    }

    /// Appends a message that stands for `records` records.
    fn append_counted(
        &mut self,
        scope: &InstrumentationScope,
        record: &[u8],
        held: usize,
        records: u64,
    ) {
        let known = self.scopes.iter().position(|(known, _)| known == scope);
        let at = known.unwrap_or_else(|| {
            self.scopes.push((scope.clone(), Vec::new()));
            self.scopes.len() - 1
        });
        let bytes = &mut self.scopes[at].1;
        let before = bytes.len();
        proto::bytes_field(bytes, RECORDS, record);
        self.size += bytes.len() - before;
        self.held += held;
        self.records += records;
    }
}

/// The two numbers that bound the buffer, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Over all signals: open, sealed, deferred and in flight.
    pub(crate) budget: usize,
    /// Of one request before compression.
    pub(crate) request: usize,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Buffer {
    bounds: Bounds,
    /// A chunk of this payload size is sealed.
    seal_at: usize,
    open: [Mutex<Chunk>; SIGNALS],
    sealed: Mutex<VecDeque<(Signal, Chunk)>>,
    deferred: Mutex<Vec<Deferred>>,
    held: AtomicUsize,
    /// The worker already knows that there is something.
    armed: AtomicBool,
    urgent: AtomicBool,
    closed: AtomicBool,
    /// The worker has given up: nothing that comes now would be sent.
    abandoned: AtomicBool,
    pub(crate) counters: Counters,
    pub(crate) wake: Notify,
}

impl Buffer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        // One sealed megabyte is enough for good compression and rare wake-ups.
        const SEAL_AT: usize = 1 << 20;
        Buffer {
            bounds,
            seal_at: bounds.request.min(SEAL_AT),
            open: Default::default(),
            sealed: Mutex::default(),
            deferred: Mutex::default(),
            held: AtomicUsize::new(0),
            armed: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            counters: Counters::default(),
            wake: Notify::new(),
        }
    }

    /// Takes a finished record, or drops and counts it.
    pub(crate) fn push(&self, signal: Signal, scope: &InstrumentationScope, record: &[u8]) {
        self.push_if(self.is_closed(), signal, scope, record, 1);
    }

    /// Takes a metric with `points` data points. What was measured before the shutdown is collected during it, so only the
    /// worker's end refuses them.
    pub(crate) fn push_points(&self, scope: &InstrumentationScope, metric: &[u8], points: u64) {
        let gone = self.abandoned.load(Ordering::Acquire);
        self.push_if(gone, Signal::Metrics, scope, metric, points);
    }

    fn push_if(
        &self,
        closed: bool,
        signal: Signal,
        scope: &InstrumentationScope,
        record: &[u8],
        records: u64,
    ) {
        let held = record.len() + HEADER_BYTES;
        if !self.admit(closed, signal, held, records) {
            return;
        }
        let full = {
            let mut chunk = lock(&self.open[signal.index()]);
            chunk.append_counted(scope, record, held, records);
            (chunk.size >= self.seal_at).then(|| std::mem::take(&mut *chunk))
        };
        if let Some(chunk) = full {
            lock(&self.sealed).push_back((signal, chunk));
            self.wake.notify_one();
        } else if !self.armed.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Takes an error whose stack the worker has yet to resolve, or drops and counts it. It leaves at once.
    pub(crate) fn push_deferred(&self, mut record: Deferred) {
        record.held = record.size() + HEADER_BYTES;
        if !self.admit(self.is_closed(), record.signal, record.held, 1) {
            return;
        }
        lock(&self.deferred).push(record);
        self.hurry();
    }

    /// Makes the worker send what there is without waiting for the batch delay.
    pub(crate) fn hurry(&self) {
        self.urgent.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn admit(&self, closed: bool, signal: Signal, held: usize, records: u64) -> bool {
        let refusal = if closed {
            DropReason::Shutdown
        } else if held > self.bounds.request {
            DropReason::TooLarge
        } else if !self.hold(held) {
            DropReason::BufferFull
        } else {
            self.counters.accepted(signal, records);
            return true;
        };
        if self.counters.refused(signal, refusal, records) && refusal != DropReason::Shutdown {
            crate::diagnostics::say(format_args!(
                "a record was dropped ({signal:?}: {refusal:?}); further ones are counted in Highlight::stats()"
            ));
        }
        false
    }

    fn hold(&self, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::AcqRel);
        let fits = before.saturating_add(bytes) <= self.bounds.budget;
        if !fits {
            self.held.fetch_sub(bytes, Ordering::AcqRel);
        }
        fits
    }

    /// Gives bytes of the budget back once their records are delivered or lost.
    pub(crate) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Payload bytes of which a request holds several.
    pub(crate) fn comfortable_bytes(&self) -> usize {
        self.seal_at / 4
    }

    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// From here on records are refused with [`DropReason::Shutdown`]. True when it was closed before.
    pub(crate) fn close(&self) -> bool {
        self.closed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    pub(crate) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn take_deferred(&self) -> Vec<Deferred> {
        std::mem::take(&mut *lock(&self.deferred))
    }

    /// The oldest chunk that is full or was closed.
    pub(crate) fn take_sealed(&self) -> Option<(Signal, Chunk)> {
        lock(&self.sealed).pop_front()
    }

    pub(crate) fn sealed_chunks(&self) -> u64 {
        lock(&self.sealed).len() as u64
    }

    /// Seals the chunks that are still filling. The next record wakes the worker again.
    pub(crate) fn seal_open(&self) {
        self.armed.store(false, Ordering::Release);
        for signal in Signal::ALL {
            let chunk = std::mem::take(&mut *lock(&self.open[signal.index()]));
            if chunk.records > 0 {
                lock(&self.sealed).push_back((signal, chunk));
            }
        }
    }

    /// Counts all that was not taken from the buffer as lost to the shutdown.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        for deferred in self.take_deferred() {
            self.lose(deferred.signal, 1, deferred.held);
        }
        self.seal_open();
        while let Some((signal, chunk)) = self.take_sealed() {
            self.lose(signal, chunk.records, chunk.held);
        }
    }

    /// Counts accepted records as lost to the shutdown.
    pub(crate) fn lose(&self, signal: Signal, records: u64, held: usize) {
        self.counters.lost(signal, DropReason::Shutdown, records);
        self.release(held);
    }

    /// Puts a resolved error into the open chunk; its bytes were admitted when it was deferred.
    pub(crate) fn append_resolved(&self, deferred: &Deferred, record: &[u8]) {
        lock(&self.open[deferred.signal.index()]).append(&deferred.scope, record, deferred.held);
    }
}

/// A poisoned lock is still good here: nothing is left half-done while one is held.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &'static str) -> InstrumentationScope {
        InstrumentationScope::builder(name).build()
    }

    #[test]
    fn records_group_by_scope() {
        let mut chunk = Chunk::default();
        for name in ["a", "b", "a", "b", "a"] {
            chunk.append(&scope(name), b"x", 1);
        }
        assert_eq!(chunk.scopes.len(), 2);
        assert_eq!(chunk.records, 5);
        assert_eq!(chunk.scopes[0].1, [0x12, 1, b'x'].repeat(3));
    }

    #[test]
    fn the_budget_is_never_exceeded_and_what_does_not_fit_is_counted() {
        let bounds = Bounds {
            budget: 1_000,
            request: 500,
        };
        let buffer = Buffer::new(bounds);
        let record = [0; 92];
        for _ in 0..25 {
            buffer.push(Signal::Logs, &scope("a"), &record);
            assert!(buffer.held() <= 1_000);
        }
        buffer.push(Signal::Traces, &scope("a"), &[0; 600]);
        let stats = buffer.counters.snapshot(buffer.held());
        assert_eq!(stats.queued(Signal::Logs), 10);
        assert_eq!(stats.dropped(Signal::Logs, DropReason::BufferFull), 15);
        assert_eq!(stats.dropped(Signal::Traces, DropReason::TooLarge), 1);
        buffer.abandon();
        assert_eq!(buffer.held(), 0);
        let stats = buffer.counters.snapshot(buffer.held());
        assert_eq!(stats.dropped(Signal::Logs, DropReason::Shutdown), 10);
    }

    #[test]
    fn nothing_is_accepted_after_close() {
        let buffer = Buffer::new(Bounds {
            budget: 1_000,
            request: 500,
        });
        buffer.close();
        buffer.push(Signal::Logs, &scope("a"), b"late");
        let stats = buffer.counters.snapshot(buffer.held());
        assert_eq!(stats.dropped(Signal::Logs, DropReason::Shutdown), 1);
        assert_eq!(buffer.held(), 0);
    }
}
