//! Batches on their way: what waits, what is under way, what became of it, and when to try again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::{Batch, BatchIds, seal};
use super::buffer::{Buffer, lock};
use super::chunk::Chunk;
use super::courier::{Courier, Landed};
use super::retry::Backoff;
use super::split::{Split, split};
use super::spool::{Spool, Stored};
use super::stats::{DropReason, Signal};
use super::transport::{Transport, Verdict};
use crate::diagnostics::say;

/// Requests under way at once: enough to keep a distant endpoint busy, few enough to be a polite client.
const MAX_IN_FLIGHT: usize = 4;

/// The queue of batches and its dealings with the endpoint and the spool.
///
/// With a spool, a batch goes to disk once an attempt for it has failed, while the endpoint is failing, and while more than
/// half of the byte budget is in use. What is in memory is sent before what is on disk.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// None when it could not be made: all batches are refused then.
    transport: Option<Transport>,
    buffer: Arc<Buffer>,
    spool: Option<Spool>,
    queue: VecDeque<Batch>,
    flying: Vec<Flight>,
    flights: u64,
    landed: Landed,
    pause: Option<Pause>,
    backoff: Backoff,
    ids: BatchIds,
    /// What is on disk stays there.
    stopping: bool,
    /// Nothing is sent any more: what there is goes to disk.
    retreating: bool,
    told: Told,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    batch: Batch,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// The endpoint asked for it, so nobody cuts it short.
    asked: bool,
}

/// What people were told of, once each.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
struct Told {
    retrying: bool,
    refused: bool,
    partial: bool,
    too_large: bool,
}

impl Delivery {
    pub(crate) fn new(
        transport: Option<Transport>,
        buffer: Arc<Buffer>,
        spool: Option<Spool>,
    ) -> Self {
        Delivery {
            transport,
            buffer,
            spool,
            queue: VecDeque::new(),
            flying: Vec::new(),
            flights: 0,
            landed: Landed::default(),
            pause: None,
            backoff: Backoff::default(),
            ids: BatchIds::new(),
            stopping: false,
            retreating: false,
            told: Told::default(),
        }
    }

    /// Makes a batch of a chunk. From here on it holds what it takes compressed.
    pub(crate) fn enqueue(&mut self, resource: &[u8], signal: Signal, chunk: Chunk, sequence: u64) {
        let mut batch = seal(
            resource,
            signal,
            chunk,
            self.ids.next(),
            sequence,
            |block| {
                self.buffer.keep(block);
            },
        );
        let compressed = batch.body.len().min(batch.held);
        self.buffer.release(batch.held - compressed);
        batch.held = compressed;
        self.queue.push_back(batch);
    }

    /// True when a further batch would leave at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flying.len() < MAX_IN_FLIGHT && !self.is_failing()
    }

    /// True while there is something to be tried again before anything new.
    fn is_failing(&self) -> bool {
        let trying = || !self.flying.is_empty() || !self.spool.as_ref().is_none_or(Spool::is_empty);
        self.pause.is_some() || (self.backoff.has_failed() && trying())
    }

    /// True when a further batch would go to disk.
    pub(crate) fn is_spooling(&self) -> bool {
        self.spool.as_ref().is_some_and(Spool::is_usable) && self.is_failing()
    }

    /// True when what cannot be sent can be stored.
    pub(crate) fn has_spool(&self) -> bool {
        self.spool.as_ref().is_some_and(Spool::is_usable)
    }

    /// The sequence number of the oldest batch that is neither settled nor on disk.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let flying = self.flying.iter().map(|flight| &flight.batch);
        let unsafe_yet = self.queue.iter().chain(flying);
        let unsafe_yet = unsafe_yet.filter(|batch| batch.spooled.is_none());
        unsafe_yet.map(|batch| batch.sequence).min()
    }

    /// When to call [`launch`](Self::launch) again, if nothing else happens before.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        let pause = self.pause.map(|pause| pause.until);
        let look = self.spool.as_ref().map(Spool::look_at);
        pause.into_iter().chain(look).min()
    }

    /// Somebody waits: ends a pause of our own making. One that the endpoint asked for stays.
    pub(crate) fn hasten(&mut self) {
        self.pause.take_if(|pause| !pause.asked);
    }

    /// From here on only what is in memory is sent.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Leaves the spool to the next process.
    pub(crate) fn close(&mut self) {
        self.spool = None;
    }

    /// True when nothing is under way.
    pub(crate) fn has_landed(&self) -> bool {
        self.flying.is_empty()
    }

    /// Sends what may be sent now, and stores what is to be stored.
    pub(crate) fn launch(&mut self) {
        self.pause.take_if(|pause| pause.until <= Instant::now());
        if let Some(spool) = &mut self.spool {
            spool.look();
        }
        // After a failure one request at a time finds out whether the endpoint is back.
        let most = if self.backoff.has_failed() {
            1
        } else {
            MAX_IN_FLIGHT
        };
        while !self.retreating && self.pause.is_none() && self.flying.len() < most {
            let Some(batch) = self.next() else {
                break;
            };
            let Some(transport) = self.transport.clone() else {
                self.drop_batch(&batch, DropReason::Rejected);
                continue;
            };
            self.flights += 1;
            let courier = Courier::new(self.flights, &self.landed, &self.buffer);
            tokio::spawn(courier.deliver(transport, batch.clone()));
            self.flying.push(Flight {
                number: self.flights,
                batch,
            });
        }
        self.store();
    }

    /// What is in memory goes first. What is on disk leaves room for it, and stays there without a transport.
    fn next(&mut self) -> Option<Batch> {
        if let Some(batch) = self.queue.pop_front() {
            return Some(batch);
        }
        let from_disk = self.flying.iter();
        let from_disk = from_disk.filter(|flight| flight.batch.spooled.is_some());
        let full = from_disk.count() >= MAX_IN_FLIGHT - 1;
        if full || self.stopping || self.transport.is_none() {
            return None;
        }
        let alone = self.flying.is_empty();
        self.spool.as_mut()?.take(alone)
    }

    /// Moves to disk what has to go there.
    fn store(&mut self) {
        let Some(spool) = &mut self.spool else {
            return;
        };
        let all = self.retreating || self.pause.is_some() || self.backoff.has_failed();
        let mut staying = Vec::new();
        while all || self.buffer.is_pressed() {
            let Some(batch) = self.queue.pop_front() else {
                break;
            };
            match spool.store(&batch) {
                Stored::Done => self.buffer.release(batch.held),
                Stored::Not => {
                    self.queue.push_front(batch);
                    // There is nothing to retreat to.
                    self.retreating = false;
                    break;
                }
                Stored::TooLarge => match split(&batch, &mut self.ids) {
                    Split::Halves(halves, size) => {
                        self.buffer.seal_below(size);
                        let [one, two] = *halves;
                        self.buffer.release(batch.held - one.held - two.held);
                        self.queue.push_front(two);
                        self.queue.push_front(one);
                    }
                    // One record larger than all of the spool.
                    Split::Single => staying.push(batch),
                },
            }
        }
        for batch in staying.into_iter().rev() {
            self.queue.push_front(batch);
        }
    }

    /// The time for sending is over: what is under way goes to disk too. The endpoint may get it twice, with the same id.
    pub(crate) fn retreat(&mut self) {
        if !self.has_spool() || self.retreating {
            return;
        }
        self.retreating = true;
        for flight in self.flying.drain(..) {
            let batch = flight.batch;
            match (batch.spooled.clone(), &mut self.spool) {
                (Some(spooled), Some(spool)) => {
                    self.buffer.release(batch.held);
                    spool.give_back(spooled);
                }
                _ => self.queue.push_back(batch),
            }
        }
    }

    /// Accounts for the requests that have come back.
    pub(crate) fn settle(&mut self) {
        let landed = std::mem::take(&mut *lock(&self.landed));
        for (number, verdict) in landed {
            let flight = self
                .flying
                .iter()
                .position(|flight| flight.number == number);
            let Some(flight) = flight else {
                continue;
            };
            let batch = self.flying.swap_remove(flight).batch;
            match verdict {
                Verdict::Accepted { rejected, reason } => self.accepted(&batch, rejected, &reason),
                Verdict::Retry { after, reason } => self.retry(batch, after, &reason),
                Verdict::TooLarge { reason } => self.too_large(&batch, &reason),
                Verdict::Refused { reason } => self.refused(&batch, &reason),
            }
        }
    }

    fn accepted(&mut self, batch: &Batch, rejected: u64, reason: &str) {
        let rejected = rejected.min(batch.records);
        let counters = &self.buffer.counters;
        counters.sent(batch.signal, batch.records - rejected);
        counters.lost(batch.signal, DropReason::Rejected, rejected);
        self.settled(batch);
        self.backoff.reset();
        self.pause.take_if(|pause| !pause.asked);
        if rejected > 0 && !std::mem::replace(&mut self.told.partial, true) {
            say(format_args!(
                "the endpoint rejected {rejected} of {} records ({:?}): {reason}",
                batch.records, batch.signal
            ));
        }
        if std::mem::replace(&mut self.told.retrying, false) {
            say(format_args!("the endpoint answers again"));
        }
    }

    fn retry(&mut self, batch: Batch, after: Option<Duration>, reason: &str) {
        let again = self.backoff.has_failed();
        let own = self.backoff.next();
        let until = Instant::now() + after.unwrap_or(own).max(own);
        if self.pause.is_none_or(|pause| pause.until < until) {
            let asked = after.is_some_and(|after| after >= own);
            self.pause = Some(Pause { until, asked });
        }
        if again && !std::mem::replace(&mut self.told.retrying, true) {
            say(format_args!(
                "the endpoint does not take telemetry ({reason}); what there is waits and is sent again"
            ));
        }
        match (batch.spooled.clone(), &mut self.spool) {
            (Some(spooled), Some(spool)) => {
                self.buffer.release(batch.held);
                spool.give_back(spooled);
            }
            _ => self.queue.push_front(batch),
        }
    }

    fn too_large(&mut self, batch: &Batch, reason: &str) {
        let told = std::mem::replace(&mut self.told.too_large, true);
        let Split::Halves(halves, size) = split(batch, &mut self.ids) else {
            if !told {
                say(format_args!(
                    "the endpoint refused a single record as too large ({:?}): {reason}",
                    batch.signal
                ));
            }
            self.drop_batch(batch, DropReason::TooLarge);
            return;
        };
        if !told {
            say(format_args!(
                "the endpoint finds requests of {size} bytes too large ({reason}); they are split, and further ones smaller"
            ));
        }
        self.buffer.seal_below(size);
        let mut kept = 0;
        for mut half in *halves {
            // Where the whole was on disk the halves are too, before it is removed.
            let on_disk = half.spooled.is_some();
            let spool = self.spool.as_mut().filter(|_| on_disk);
            if spool.is_none_or(|spool| spool.store(&half) != Stored::Done) {
                half.spooled = None;
                kept += half.held;
                self.queue.push_back(half);
            }
        }
        self.buffer.release(batch.held - kept);
        self.forget(batch);
    }

    fn refused(&mut self, batch: &Batch, reason: &str) {
        if !std::mem::replace(&mut self.told.refused, true) {
            say(format_args!(
                "the endpoint refused {} records ({:?}): {reason}; refused records are not sent again",
                batch.records, batch.signal
            ));
        }
        self.drop_batch(batch, DropReason::Rejected);
    }

    fn drop_batch(&mut self, batch: &Batch, reason: DropReason) {
        let counters = &self.buffer.counters;
        counters.lost(batch.signal, reason, batch.records);
        self.settled(batch);
    }

    /// Gives back what a batch has held, in memory and on disk.
    fn settled(&mut self, batch: &Batch) {
        self.buffer.release(batch.held);
        self.forget(batch);
    }

    fn forget(&mut self, batch: &Batch) {
        if let (Some(spooled), Some(spool)) = (&batch.spooled, &mut self.spool) {
            spool.settled(&spooled.entry);
        }
    }

    /// Counts all that is neither settled nor on disk as lost to the shutdown.
    pub(crate) fn abandon(&mut self) {
        let flying = self.flying.drain(..).map(|flight| flight.batch);
        for batch in self.queue.drain(..).chain(flying) {
            if batch.spooled.is_none() {
                self.buffer.lose(batch.signal, batch.records, batch.held);
            } else {
                self.buffer.release(batch.held);
            }
        }
    }
}
