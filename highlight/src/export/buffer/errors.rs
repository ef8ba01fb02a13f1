//! The errors that wait in the buffer for the worker: who has one leaves it as it is, and the worker writes its record.

use std::sync::atomic::Ordering;

use super::super::chunk::Chunk;
use super::super::deferred::Deferred;
use super::super::errors::Resolved;
use super::super::packed::Packed;
use super::super::pending::{Moment, Pending};
use super::super::stats::{DropReason, Signal};
use super::super::waiting::{Block, Queue, Waiting};
use super::{Buffer, GATHERING, lock};

impl Buffer {
    /// Takes a record whose stacks the worker has yet to resolve, or drops and counts it. It leaves at once.
    pub(crate) fn push_deferred(&self, record: Deferred) {
        self.push_waiting(Waiting::Deferred(Box::new(record)));
    }

    /// Takes an error that the worker has yet to write, or drops and counts it. It leaves at once.
    pub(crate) fn push_pending(&self, error: Pending) {
        self.push_waiting(Waiting::Pending(error));
    }

    /// The same for one that needs no memory of its own.
    #[inline]
    pub(in crate::export) fn push_packed(&self, error: &Packed<'_>, moment: Moment) {
        let held = error.size() + moment.size();
        self.let_wait(Signal::Traces, held, |queue| {
            queue.pack(error, moment, held, &self.spare_errors);
        });
    }

    fn push_waiting(&self, mut error: Waiting) {
        error.settle();
        let (signal, held) = (error.signal(), error.held());
        self.let_wait(signal, held, |queue| {
            queue.push(error, &self.spare_errors);
        });
    }

    #[inline]
    fn let_wait(&self, signal: Signal, held: usize, put: impl FnOnce(&mut Queue)) {
        if let Some(reason) = self.refusal(self.is_closed(), held) {
            return self.refuse(signal, reason, 1);
        }
        if !self.hold_below(self.bounds.unwritten(), held) {
            return self.refuse(signal, DropReason::BufferFull, 1);
        }
        let Some(are_many) = self.queue(put) else {
            self.release(held);
            return self.refuse(signal, DropReason::Shutdown, 1);
        };
        self.counters.accepted(signal, 1);
        if are_many {
            self.many_wait.store(true, Ordering::Release);
            self.wake();
        }
        // Who finds the worker on the watch leaves it at that: its last look comes after it has ended the watch.
        if !self.is_watched() {
            self.ask_for_a_watch();
        } else if self.is_pressed() {
            // There may be no room left by the next look.
            self.hurry();
        }
    }

    #[cold]
    fn ask_for_a_watch(&self) {
        let is_first = !self.watched.swap(true, Ordering::AcqRel);
        if is_first && !self.alarm.set(GATHERING) {
            self.wake.notify_one();
        }
    }

    /// The worker knows that errors wait, or looks for them by itself.
    pub(in crate::export) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// The next error has to tell the worker.
    pub(in crate::export) fn unwatch(&self) {
        self.watched.store(false, Ordering::Release);
    }

    /// Errors wait.
    pub(in crate::export) fn has_waiting(&self) -> bool {
        !lock(&self.waiting).is_empty()
    }

    /// Says whether there are many now. None in a forked child, which finds that out with the first error that has to tell, and whenever
    /// the list grows.
    #[inline]
    fn queue(&self, put: impl FnOnce(&mut Queue)) -> Option<bool> {
        let mut waiting = self.lock_unless_forked(&self.waiting)?;
        if (!self.is_watched() || waiting.is_full()) && self.is_forked() {
            return None;
        }
        put(&mut waiting);
        Some(waiting.has_become_long())
    }

    /// So many errors wait that they are worth being written, whenever they are to leave. True once.
    pub(in crate::export) fn notes_many_waiting(&self) -> bool {
        self.many_wait.load(Ordering::Acquire) && self.many_wait.swap(false, Ordering::AcqRel)
    }

    pub(in crate::export) fn take_waiting(&self) -> Queue {
        lock(&self.waiting).take(&self.spare_errors)
    }

    /// Keeps a block for further errors.
    pub(in crate::export) fn keep_errors(&self, block: Block) {
        self.spare_errors.keep(block, self.is_pressed());
    }

    /// Puts a record with its stacks into the open chunk, or without them where they make it too large for a request. Whenever that
    /// is full, `compress` makes room: it was taken already, so it is not left out for want of any.
    pub(crate) fn append_resolved(
        &self,
        resolved: &Resolved<'_>,
        bare: impl FnOnce() -> Vec<u8>,
        compress: impl FnMut(),
    ) {
        let Resolved {
            signal,
            scope,
            held,
            record,
        } = *resolved;
        if !self.append_at_once(signal, scope, record, 1) {
            if Chunk::cost(scope, record) <= self.bounds.request {
                self.append_taken(signal, scope, record, compress);
            } else {
                self.append_taken(signal, scope, bare().as_slice().into(), compress);
            }
        }
        self.release(held);
    }
}
