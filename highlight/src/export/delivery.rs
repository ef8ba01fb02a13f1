//! Batches on their way: what waits, what is under way, what became of it, and when to try again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Batch;
use super::buffer::{Buffer, lock};
use super::retry::Backoff;
use super::stats::{DropReason, Signal};
use super::transport::{Transport, Verdict};
use crate::diagnostics::say;

/// Requests under way at once: enough to keep a distant endpoint busy, few enough to be a polite client.
const MAX_IN_FLIGHT: usize = 4;

/// The queue of batches and its dealings with the endpoint.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// None when it could not be made: all batches are refused then.
    transport: Option<Transport>,
    buffer: Arc<Buffer>,
    queue: VecDeque<Batch>,
    flying: Vec<Flight>,
    landed: Arc<Mutex<Vec<(Batch, Verdict)>>>,
    pause: Option<Pause>,
    backoff: Backoff,
    told: Told,
}

/// What has to be accounted for while a batch is under way.
#[derive(Debug)]
struct Flight {
    sequence: u64,
    signal: Signal,
    records: u64,
    held: usize,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// The endpoint asked for it, so nobody cuts it short.
    asked: bool,
}

/// What people were told of, once each.
#[derive(Debug, Default)]
struct Told {
    retrying: bool,
    refused: bool,
    partial: bool,
}

impl Delivery {
    pub(crate) fn new(transport: Option<Transport>, buffer: Arc<Buffer>) -> Self {
        Delivery {
            transport,
            buffer,
            queue: VecDeque::new(),
            flying: Vec::new(),
            landed: Arc::default(),
            pause: None,
            backoff: Backoff::default(),
            told: Told::default(),
        }
    }

    pub(crate) fn enqueue(&mut self, batch: Batch) {
        self.queue.push_back(batch);
    }

    /// True when a further batch would leave at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flying.len() < MAX_IN_FLIGHT
    }

    /// True when there is room for another batch before the next is sealed.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < MAX_IN_FLIGHT
    }

    /// The sequence number of the oldest batch that is not settled.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let queued = self.queue.iter().map(|batch| batch.sequence);
        let flying = self.flying.iter().map(|flight| flight.sequence);
        queued.chain(flying).min()
    }

    /// When to call [`launch`](Self::launch) again, if nothing else happens before.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        let pause = self.pause?;
        (!self.queue.is_empty()).then_some(pause.until)
    }

    /// Somebody waits: ends a pause of our own making. One that the endpoint asked for stays.
    pub(crate) fn hasten(&mut self) {
        self.pause.take_if(|pause| !pause.asked);
    }

    /// Sends what may be sent now.
    pub(crate) fn launch(&mut self) {
        self.pause.take_if(|pause| pause.until <= Instant::now());
        // After a failure one request at a time finds out whether the endpoint is back.
        let most = if self.backoff.has_failed() {
            1
        } else {
            MAX_IN_FLIGHT
        };
        while self.pause.is_none() && self.flying.len() < most {
            let Some(batch) = self.queue.pop_front() else {
                return;
            };
            let Some(transport) = self.transport.clone() else {
                self.refused(&batch, "the endpoint cannot be used");
                continue;
            };
            self.flying.push(Flight {
                sequence: batch.sequence,
                signal: batch.signal,
                records: batch.records,
                held: batch.held,
            });
            let mut courier = Courier {
                batch: Some(batch),
                landed: Arc::clone(&self.landed),
                buffer: Arc::clone(&self.buffer),
            };
            tokio::spawn(async move { courier.deliver(&transport).await });
        }
    }

    /// Accounts for the requests that have come back.
    pub(crate) fn settle(&mut self) {
        let landed = std::mem::take(&mut *lock(&self.landed));
        for (batch, verdict) in landed {
            self.flying
                .retain(|flight| flight.sequence != batch.sequence);
            match verdict {
                Verdict::Accepted { rejected, reason } => self.accepted(&batch, rejected, &reason),
                Verdict::Retry { after, reason } => self.retry(batch, after, &reason),
                Verdict::Refused { reason } => self.refused(&batch, &reason),
            }
        }
    }

    fn accepted(&mut self, batch: &Batch, rejected: u64, reason: &str) {
        let rejected = rejected.min(batch.records);
        let counters = &self.buffer.counters;
        counters.sent(batch.signal, batch.records - rejected);
        counters.lost(batch.signal, DropReason::Rejected, rejected);
        self.buffer.release(batch.held);
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

    fn retry(&mut self, mut batch: Batch, after: Option<Duration>, reason: &str) {
        batch.attempts += 1;
        let own = self.backoff.next();
        let until = Instant::now() + after.unwrap_or(own).max(own);
        if self.pause.is_none_or(|pause| pause.until < until) {
            let asked = after.is_some_and(|after| after >= own);
            self.pause = Some(Pause { until, asked });
        }
        if batch.attempts > 1 && !std::mem::replace(&mut self.told.retrying, true) {
            say(format_args!(
                "the endpoint does not take telemetry ({reason}); what there is waits and is sent again"
            ));
        }
        self.queue.push_front(batch);
    }

    fn refused(&mut self, batch: &Batch, reason: &str) {
        self.buffer
            .counters
            .lost(batch.signal, DropReason::Rejected, batch.records);
        self.buffer.release(batch.held);
        if !std::mem::replace(&mut self.told.refused, true) {
            say(format_args!(
                "the endpoint refused {} records ({:?}): {reason}; refused records are not sent again",
                batch.records, batch.signal
            ));
        }
    }

    /// Counts all that is not settled as lost to the shutdown.
    pub(crate) fn abandon(&mut self) {
        let queued = self
            .queue
            .drain(..)
            .map(|batch| (batch.signal, batch.records, batch.held));
        let flying = self
            .flying
            .drain(..)
            .map(|flight| (flight.signal, flight.records, flight.held));
        for (signal, records, held) in queued.chain(flying) {
            self.buffer.lose(signal, records, held);
        }
    }
}

/// Carries one batch and brings it back, whatever happens on the way.
struct Courier {
    batch: Option<Batch>,
    landed: Arc<Mutex<Vec<(Batch, Verdict)>>>,
    buffer: Arc<Buffer>,
}

impl Courier {
    async fn deliver(&mut self, transport: &Transport) {
        if let Some(batch) = &self.batch {
            let verdict = transport.send(batch).await;
            self.land(verdict);
        }
    }

    fn land(&mut self, verdict: Verdict) {
        if let Some(batch) = self.batch.take() {
            lock(&self.landed).push((batch, verdict));
            self.buffer.wake.notify_one();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        // Only a panic in the client, or the end of the runtime, leaves the batch here.
        self.land(Verdict::Retry {
            after: None,
            reason: "sending was interrupted".to_owned(),
        });
    }
}
