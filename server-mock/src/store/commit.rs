//! Group commit: what waits while one insert runs goes into the next one, together.
//!
//! An insert costs some five milliseconds however few rows it has, so the task does not begin the next one with the first request
//! that is ready when others are being read: it waits for them, at most as long as the last insert took. Nor does it when more were
//! answered just now than have come back: who sends all the time has the next request ready.

use std::collections::HashSet;
use std::mem;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::backend::Backend;
use super::coming::{Arrivals, Coming};
use super::ledger::Ledger;
use super::predecessor::Predecessor;
use super::tables::{self, Encoded, FORMAT};
use crate::Error;
use crate::extract::RequestId;

/// How many encoded bytes one group takes at most, beyond its first request.
const LARGEST: usize = 64 * 1024 * 1024;

/// How long a group waits at most for requests that are being read.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// How long after an answer its client is expected to send again: not much longer than an insert costs.
const COMING_BACK: Duration = Duration::from_millis(10);

/// How many requests may wait; more wait to get in.
const WAITING: usize = 256;

/// The rows of one request, and who waits for them.
pub(super) struct Batch {
    pub(super) request: Option<RequestId>,
    pub(super) rows: Encoded,
    reply: oneshot::Sender<Result<(), String>>,
}

/// The way to the task that inserts.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    batches: mpsc::Sender<Batch>,
    arrivals: Arrivals,
}

impl Committer {
    /// Starts the task; it ends once every committer is gone and everything sent is inserted.
    ///
    /// # Errors
    /// When `ClickHouse` does not tell what it has already.
    pub(super) async fn start(backend: Backend) -> Result<Self, Error> {
        let predecessor = Predecessor::of(&backend).await?;
        let (batches, waiting) = mpsc::channel(WAITING);
        let arrivals = Arrivals::default();
        let line = Line {
            waiting,
            arrivals: arrivals.clone(),
            again: Vec::new(),
        };
        tokio::spawn(run(backend, predecessor, line));
        Ok(Self { batches, arrivals })
    }

    /// Tells that a request is coming.
    pub(super) fn announce(&self) -> Coming {
        self.arrivals.announce()
    }

    /// Returns once the rows are stored.
    pub(super) async fn commit(
        &self,
        request: Option<RequestId>,
        rows: Encoded,
        coming: Option<Coming>,
    ) -> Result<(), Error> {
        let (reply, stored) = oneshot::channel();
        let batch = Batch {
            request,
            rows,
            reply,
        };
        let sent = self.batches.send(batch).await;
        drop(coming);
        let stored = if sent.is_ok() {
            stored.await.ok()
        } else {
            None
        };
        match stored {
            Some(Ok(())) => Ok(()),
            Some(Err(message)) => Err(Error::NotStored { message }),
            None => Err(Error::NotStored {
                message: "the server is stopping".to_owned(),
            }),
        }
    }
}

async fn run(backend: Backend, predecessor: Predecessor, mut line: Line) {
    let mut ledger = Ledger::default();
    let mut last = Last {
        requests: 0,
        patience: Duration::ZERO,
        answered: Instant::now(),
    };
    while let Some(mut group) = line.group(&last).await {
        let started = Instant::now();
        let outcome = insert(&backend, &predecessor, &mut ledger, &mut group)
            .await
            .map_err(|error| error.to_string());
        last = Last {
            requests: group.len(),
            patience: started.elapsed().min(LONGEST_WAIT),
            answered: Instant::now(),
        };
        for batch in group {
            // The sender may have hung up meanwhile; its rows are stored all the same.
            let _ = batch.reply.send(outcome.clone());
        }
    }
}

/// The group before.
struct Last {
    /// How many requests were answered.
    requests: usize,
    /// How long the next group may wait for those that are being read.
    patience: Duration,
    answered: Instant,
}

/// The requests that wait to be inserted.
struct Line {
    waiting: mpsc::Receiver<Batch>,
    arrivals: Arrivals,
    /// Requests that were in a group already, for the next one.
    again: Vec<Batch>,
}

impl Line {
    /// What is to be inserted next, together; none when there will be nothing more.
    async fn group(&mut self, last: &Last) -> Option<Vec<Batch>> {
        let mut group = mem::take(&mut self.again);
        if group.is_empty() {
            group.push(self.waiting.recv().await?);
        }
        let being_read = Instant::now() + last.patience;
        let coming_back = last.answered + last.patience.min(COMING_BACK);
        let expected = self.waiting.len() + last.requests;
        let mut bytes = 0;
        while bytes < LARGEST {
            let next = match self.waiting.try_recv() {
                Ok(next) => Some(next),
                Err(_) if self.arrivals.any() => self.next_until(being_read).await,
                Err(_) if group.len() < expected => self.next_until(coming_back).await,
                Err(_) => None,
            };
            let Some(next) = next else { break };
            bytes += next.rows.bytes();
            group.push(next);
        }
        self.again = take_repeated(&mut group);
        Some(group)
    }

    async fn next_until(&mut self, deadline: Instant) -> Option<Batch> {
        timeout_at(deadline, self.waiting.recv())
            .await
            .unwrap_or(None)
    }
}

/// Takes out every request that is in the group already: what became of the first one decides.
fn take_repeated(group: &mut Vec<Batch>) -> Vec<Batch> {
    let mut seen = HashSet::new();
    group
        .extract_if(.., |batch| {
            batch.request.is_some_and(|request| !seen.insert(request))
        })
        .collect()
}

/// Inserts table by table, leaving out what an earlier attempt has stored.
async fn insert(
    backend: &Backend,
    predecessor: &Predecessor,
    ledger: &mut Ledger,
    group: &mut [Batch],
) -> Result<(), Error> {
    predecessor.look(backend, group, ledger).await?;
    for (at, sql) in tables::inserts().iter().enumerate() {
        let mut blocks = Vec::new();
        let mut requests = Vec::new();
        for batch in &mut *group {
            let block = mem::take(&mut batch.rows.blocks[at]);
            if block.is_empty() || ledger.has(batch.request, at) {
                continue;
            }
            blocks.push(block);
            requests.extend(batch.request);
        }
        if !blocks.is_empty() {
            let chunks = tables::chunks(at, blocks);
            backend.insert(sql, FORMAT, chunks).await?;
            for request in requests {
                ledger.add(request, at);
            }
        }
    }
    Ok(())
}
