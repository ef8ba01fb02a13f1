//! Group commit: what waits while one insert runs goes into the next one, together.

use std::mem;

use tokio::sync::{mpsc, oneshot};

use super::backend::Backend;
use super::metric_tables::{self, Histogram, Sum, Summary};
use super::table::{TableRow, encode};
use crate::Error;
use crate::rows::{ErrorRow, LogRow, Rows, SpanRow};

/// How many encoded bytes one group takes at most, beyond its first request.
const LARGEST: usize = 32 * 1024 * 1024;

/// How many requests may wait; more wait to get in.
const WAITING: usize = 256;

/// How rows get into each table.
const TABLES: [&str; 6] = [
    LogRow::INSERT,
    SpanRow::INSERT,
    ErrorRow::INSERT,
    Sum::INSERT,
    Histogram::INSERT,
    Summary::INSERT,
];

/// The rows of one request, encoded by table, and who waits for them.
struct Batch {
    tables: [Vec<u8>; TABLES.len()],
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
    pub(super) async fn commit(&self, rows: &Rows) -> Result<(), Error> {
        let (reply, stored) = oneshot::channel();
        let (sums, histograms, summaries) = metric_tables::split(&rows.metrics);
        let tables = [
            encode(&rows.logs),
            encode(&rows.spans),
            encode(&rows.errors),
            encode(&sums),
            encode(&histograms),
            encode(&summaries),
        ];
        let sent = self.batches.send(Batch { tables, reply }).await;
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
    while let Some(first) = waiting.recv().await {
        let mut group = vec![first];
        let mut bytes = 0;
        while bytes < LARGEST
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.tables.iter().map(Vec::len).sum::<usize>();
            group.push(next);
        }
        let outcome = insert(&backend, &mut group).await;
        for batch in group {
            // The sender may have hung up meanwhile; its rows are stored all the same.
            let _ = batch.reply.send(outcome.clone());
        }
    }
}

async fn insert(backend: &Backend, group: &mut [Batch]) -> Result<(), String> {
    for (at, sql) in TABLES.into_iter().enumerate() {
        let chunks = group
            .iter_mut()
            .map(|batch| mem::take(&mut batch.tables[at]));
        let chunks: Vec<_> = chunks.filter(|chunk| !chunk.is_empty()).collect();
        if !chunks.is_empty() {
            backend
                .insert(sql, "RowBinary", chunks)
                .await
                .map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
