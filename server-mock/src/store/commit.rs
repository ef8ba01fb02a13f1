//! Group commit: what waits while one insert runs goes into the next one, together.

use std::collections::HashSet;
use std::mem;

use tokio::sync::{mpsc, oneshot};

use super::backend::Backend;
use super::ledger::Ledger;
use super::predecessor::Predecessor;
use super::tables::{self, Chunks, Extent, FORMAT, Tables, WITH_IDS};
use crate::Error;
use crate::extract::{RequestId, now_ns};

/// How many encoded bytes one group takes at most, beyond its first request.
const LARGEST: usize = 32 * 1024 * 1024;

/// How many requests may wait; more wait to get in.
const WAITING: usize = 256;

/// The rows of one request, encoded by table, and who waits for them.
pub(super) struct Batch {
    pub(super) request: Option<RequestId>,
    pub(super) extents: [Option<Extent>; WITH_IDS.len()],
    bytes: usize,
    chunks: Chunks,
    reply: oneshot::Sender<Result<(), String>>,
}

/// The way to the task that inserts.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    batches: mpsc::Sender<Batch>,
}

impl Committer {
    /// Starts the task; it ends once every committer is gone and everything sent is inserted.
    pub(super) fn start(backend: Backend) -> Self {
        let (batches, waiting) = mpsc::channel(WAITING);
        tokio::spawn(run(backend, waiting));
        Self { batches }
    }

    /// Returns once the rows are stored.
    pub(super) async fn commit(
        &self,
        request: Option<RequestId>,
        tables: Tables,
    ) -> Result<(), Error> {
        let (reply, stored) = oneshot::channel();
        let extents = tables.extents();
        let chunks = tables.into_chunks();
        let batch = Batch {
            request,
            extents,
            bytes: chunks.iter().map(Vec::len).sum(),
            chunks,
            reply,
        };
        let sent = self.batches.send(batch).await;
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

async fn run(backend: Backend, mut waiting: mpsc::Receiver<Batch>) {
    let predecessor = Predecessor::until(now_ns());
    let mut ledger = Ledger::default();
    let mut again = Vec::new();
    loop {
        let mut group = mem::take(&mut again);
        if group.is_empty() {
            match waiting.recv().await {
                Some(first) => group.push(first),
                None => return,
            }
        }
        let mut bytes = 0;
        while bytes < LARGEST
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.bytes;
            group.push(next);
        }
        again = take_repeated(&mut group);
        let outcome = insert(&backend, &predecessor, &mut ledger, &mut group)
            .await
            .map_err(|error| error.to_string());
        for batch in group {
            // The sender may have hung up meanwhile; its rows are stored all the same.
            let _ = batch.reply.send(outcome.clone());
        }
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
        let mut chunks = Vec::new();
        let mut requests = Vec::new();
        for batch in &mut *group {
            let chunk = mem::take(&mut batch.chunks[at]);
            if chunk.is_empty() || ledger.has(batch.request, at) {
                continue;
            }
            chunks.push(chunk);
            requests.extend(batch.request);
        }
        if !chunks.is_empty() {
            backend.insert(sql, FORMAT, chunks).await?;
            for request in requests {
                ledger.add(request, at);
            }
        }
    }
    Ok(())
}
