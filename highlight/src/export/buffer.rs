//! The byte-bounded hand-over from the application's threads to the worker.
//!
//! Most logs and spans arrive as [notes], of which the worker writes the records. Any other record arrives as finished protobuf bytes and is copied
//! once, into the open chunk of its signal. The budget is charged with the memory that chunks and notes allocate, before they do. A
//! chunk that is full is sealed. The worker is woken by the first record after a pause, by a sealed chunk, by some full blocks of notes
//! and by an error, never once per record.

mod errors;
mod notes;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::TryLockError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::InstrumentationScope;

use super::alarm::Alarm;
use super::chunk::{Chunk, Record};
use super::site::Sites;
use super::spare::Spare;
use super::stats::{Counters, DropReason, Signal, Stats};
use super::sync::{AtomicBool, AtomicUsize, Lock, Mutex, MutexGuard, Notify};
use super::waiting::{self, Queue};
use notes::Notes;
pub(crate) use notes::{Block, in_order};

/// The two numbers that bound the buffer, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Over all signals: open, sealed, deferred and in flight.
    pub(crate) budget: usize,
    /// Of one request before compression.
    pub(crate) request: usize,
}

impl Bounds {
    /// The part of the budget that notes and errors may have. In the rest the worker writes their records, which are larger, until they
    /// are compressed.
    fn unwritten(self) -> usize {
        const MOST: usize = 2 << 20;
        self.budget - (self.budget / 4).min(MOST)
    }

    /// The bounds of a request's records, where the request begins with a resource of so many bytes.
    pub(crate) fn beside(self, resource: usize) -> Self {
        const HEADERS: usize = 64;
        Bounds {
            budget: self.budget,
            request: self.request.saturating_sub(resource + HEADERS).max(1024),
        }
    }
}

/// A chunk with so much to compress is sealed: enough for good compression and rare wake-ups.
const SEAL_AT: usize = 1 << 20;
/// The same for its size: who receives it has to unpack it all.
const SEAL_AT_SIZE: usize = 2 << 20;
/// Chunks are not sealed smaller than this, however little the endpoint takes.
const SMALLEST_SEAL: usize = 16 * 1024;

/// What must leave at once waits this long for company: the work on an error would begin while its request is still being handled, and
/// take the processor away from it.
pub(crate) const GATHERING: Duration = Duration::from_millis(5);

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Buffer {
    bounds: Bounds,
    /// A chunk of this size is sealed, whatever it has to compress.
    largest: AtomicUsize,
    open: [Mutex<Chunk>; Signal::COUNT],
    sealed: Mutex<VecDeque<(Signal, Chunk)>>,
    spare: Spare<Vec<u8>>,
    notes: Notes,
    /// Of the notes.
    pub(crate) sites: Sites,
    waiting: Mutex<Queue>,
    /// They are many.
    many_wait: AtomicBool,
    spare_errors: Spare<waiting::Block>,
    held: AtomicUsize,
    /// The worker already knows that there is something.
    armed: AtomicBool,
    urgent: AtomicBool,
    /// The worker knows that errors wait, or looks for them by itself.
    watched: AtomicBool,
    closed: AtomicBool,
    /// The process that has the worker.
    process: u32,
    /// The worker has given up: nothing that comes now would be sent.
    abandoned: AtomicBool,
    pub(crate) counters: Counters,
    pub(crate) wake: Notify,
    /// Wakes the worker for errors.
    pub(crate) alarm: Alarm,
}

impl Buffer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Buffer {
            bounds,
            largest: AtomicUsize::new(bounds.request.min(SEAL_AT_SIZE)),
            open: Default::default(),
            sealed: Mutex::default(),
            spare: Spare::of_chunks(),
            notes: Notes::default(),
            sites: Sites::new(),
            waiting: Mutex::default(),
            many_wait: AtomicBool::new(false),
            spare_errors: waiting::spare(),
            held: AtomicUsize::new(0),
            armed: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            process: std::process::id(),
            abandoned: AtomicBool::new(false),
            counters: Counters::default(),
            wake: Notify::new(),
            alarm: Alarm::default(),
        }
    }

    /// Takes a finished record, or drops and counts it.
    pub(crate) fn push(&self, signal: Signal, scope: &InstrumentationScope, record: &[u8]) {
        self.push_counted(self.is_closed(), signal, scope, record, 1);
    }

    /// Takes a metric with `points` data points. What was measured before the shutdown is collected during it, so only the
    /// worker's end refuses them.
    pub(crate) fn push_points(&self, scope: &InstrumentationScope, metric: &[u8], points: u64) {
        let gone = self.abandoned.load(Ordering::Acquire);
        self.push_counted(gone, Signal::Metrics, scope, metric, points);
    }

    fn push_counted(
        &self,
        closed: bool,
        signal: Signal,
        scope: &InstrumentationScope,
        record: &[u8],
        records: u64,
    ) {
        let record = Record::from(record);
        if !closed && self.append_at_once(signal, scope, record, records) {
            self.counters.accepted(signal, records);
            if self.arm() {
                self.wake();
            }
            return;
        }
        let cost = Chunk::cost(scope, record);
        if let Some(reason) = self.refusal(closed, cost) {
            return self.refuse(signal, reason, records);
        }
        match self.append(signal, scope, record, cost, records) {
            None => {
                // A forked child has no worker, and finds that out only here.
                let reason = self.refusal(closed || self.is_forked(), 0);
                self.refuse(signal, reason.unwrap_or(DropReason::BufferFull), records);
            }
            Some(sealed) => {
                self.counters.accepted(signal, records);
                if sealed || self.arm() {
                    self.wake();
                }
            }
        }
    }

    /// True when the worker does not know yet that there is something. Once it does, that is only looked at: records must not
    /// fight for it.
    fn arm(&self) -> bool {
        !self.armed.load(Ordering::Acquire) && !self.armed.swap(true, Ordering::AcqRel)
    }

    /// Puts a record into the open chunk where that takes no memory and seals nothing: nearly always. False otherwise, and when another
    /// thread is at it.
    fn append_at_once(
        &self,
        signal: Signal,
        scope: &InstrumentationScope,
        record: Record<'_>,
        records: u64,
    ) -> bool {
        let Ok(mut open) = self.open[signal.index()].try_lock() else {
            return false;
        };
        let cost = record.cost();
        !self.is_full(open.size + cost, open.weight + cost) && open.fill(scope, record, records)
    }

    /// Whether a chunk of this size and weight is to be sealed.
    #[inline]
    fn is_full(&self, size: usize, weight: usize) -> bool {
        weight >= SEAL_AT || size >= self.largest.load(Ordering::Relaxed)
    }

    /// Puts a record into the open chunk, sealing the chunk when it is full. None when the budget has no room for it;
    /// otherwise whether a chunk was sealed. The record's `cost` is [`Chunk::cost`].
    fn append(
        &self,
        signal: Signal,
        scope: &InstrumentationScope,
        record: Record<'_>,
        cost: usize,
        records: u64,
    ) -> Option<bool> {
        let mut open = self.lock_unless_forked(&self.open[signal.index()])?;
        let mut sealed = false;
        // No request is larger than the limit, however the sizes of its records fall.
        if open.size + cost > self.bounds.request {
            sealed |= self.seal(signal, &mut open)?;
        }
        let taken = open.append(scope, record, records, |capacity, bytes| {
            self.hold(bytes).then(|| self.spare.take_bytes(capacity))
        });
        if self.is_full(open.size, open.weight) {
            sealed |= self.seal(signal, &mut open)?;
        }
        if sealed && !taken {
            self.wake();
        }
        taken.then_some(sealed)
    }

    /// Puts an open chunk with the full ones. False when it is empty, None in a forked child.
    fn seal(&self, signal: Signal, open: &mut Chunk) -> Option<bool> {
        if open.records == 0 {
            return Some(false);
        }
        let chunk = std::mem::take(open);
        let mut sealed = self.lock_unless_forked(&self.sealed)?;
        sealed.push_back((signal, chunk));
        Some(true)
    }

    /// Makes the worker send what there is without waiting for the batch delay.
    pub(crate) fn hurry(&self) {
        if self.notes_urgency() {
            self.wake();
        }
    }

    /// True when the worker does not know yet that something is urgent.
    fn notes_urgency(&self) -> bool {
        !self.is_urgent() && !self.urgent.swap(true, Ordering::AcqRel)
    }

    /// Counts a record that a hook kept back.
    pub(crate) fn keep_back(&self, signal: Signal) {
        self.counters.refused(signal, DropReason::Hook, 1);
    }

    fn wake(&self) {
        if !self.is_forked() {
            self.wake.notify_one();
        }
    }

    /// True in a child of the process that has the worker, where nothing is recorded. It asks the system, so it is asked only
    /// where a call of the system does not matter.
    pub(crate) fn is_forked(&self) -> bool {
        let forked = std::process::id() != self.process;
        if forked {
            self.close();
        }
        forked
    }

    /// A lock that another thread held at the moment of a fork stays locked in the child for ever. So who would have to wait
    /// makes sure that there is somebody to wait for.
    fn lock_unless_forked<'a, T>(&self, mutex: &'a Mutex<T>) -> Option<MutexGuard<'a, T>> {
        match mutex.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => (!self.is_forked()).then(|| lock(mutex)),
        }
    }

    fn refusal(&self, closed: bool, size: usize) -> Option<DropReason> {
        if closed {
            Some(DropReason::Shutdown)
        } else if size > self.bounds.request {
            Some(DropReason::TooLarge)
        } else {
            None
        }
    }

    /// Counts records that are not taken. The first of their kind are told.
    #[cold]
    fn refuse(&self, signal: Signal, reason: DropReason, records: u64) {
        if self.counters.refused(signal, reason, records) && reason != DropReason::Shutdown {
            crate::diagnostics::say(format_args!(
                "a record was dropped ({signal:?}: {reason:?}); further ones are counted in Highlight::stats()"
            ));
        }
    }

    /// The endpoint does not take requests with records of so many bytes: further ones are smaller.
    pub(crate) fn seal_below(&self, size: usize) {
        let most = (size / 2).max(SMALLEST_SEAL);
        self.largest.fetch_min(most, Ordering::Relaxed);
    }

    /// Takes bytes of the budget; false when there are not so many.
    pub(crate) fn hold(&self, bytes: usize) -> bool {
        self.hold_below(self.bounds.budget, bytes)
    }

    fn hold_below(&self, limit: usize, bytes: usize) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::AcqRel);
        let fits = before.saturating_add(bytes) <= limit;
        if !fits {
            self.held.fetch_sub(bytes, Ordering::AcqRel);
        }
        fits
    }

    /// Takes bytes of the budget whether it has them or not, for the one thing that has to go on.
    pub(crate) fn hold_anyway(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::AcqRel);
    }

    /// True when more than half of the budget is in use.
    pub(crate) fn is_pressed(&self) -> bool {
        self.held() > self.bounds.budget / 2
    }

    /// Gives bytes of the budget back once their records are delivered or lost.
    pub(crate) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Keeps a block for further records.
    pub(crate) fn keep(&self, block: Vec<u8>) {
        self.spare.keep_bytes(block, self.is_pressed());
    }

    /// Gives back the memory that is kept for further records, when there are none.
    pub(crate) fn rest(&self) {
        if self.held() == 0 || self.is_pressed() {
            self.spare.give_up();
            self.spare_errors.give_up();
        }
    }

    /// Payload bytes of which a request holds several.
    pub(crate) fn comfortable_bytes(&self) -> usize {
        self.largest.load(Ordering::Relaxed).min(SEAL_AT) / 4
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

    /// There is something that must leave at once.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    pub(crate) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::AcqRel)
    }

    /// The oldest chunk that is full or was closed.
    pub(crate) fn take_sealed(&self) -> Option<(Signal, Chunk)> {
        lock(&self.sealed).pop_front()
    }

    pub(crate) fn sealed_chunks(&self) -> u64 {
        lock(&self.sealed).len() as u64
    }

    /// The next record wakes the worker again. For before what there is now is taken.
    pub(crate) fn disarm(&self) {
        self.armed.store(false, Ordering::Release);
    }

    /// Seals the chunks that are still filling.
    pub(crate) fn seal_open(&self) {
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
        self.take_waiting()
            .each(|error| self.lose(error.signal(), 1, error.held()), drop);
        let (full, open) = self.take_notes();
        for block in full.into_iter().chain(open) {
            self.lose_notes(&block);
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

    /// What happened to every record so far.
    pub(crate) fn stats(&self) -> Stats {
        self.counters
            .snapshot(|signal| self.notes.taken(signal), self.held())
    }
}

/// A poisoned lock is still good here: nothing is left half-done while one is held.
pub(crate) fn lock<M: Lock>(mutex: &M) -> M::Guard<'_> {
    mutex.lock_anyway()
}
