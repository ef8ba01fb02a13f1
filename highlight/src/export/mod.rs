//! From finished records to acknowledged requests: encode, buffer, seal, send, retry, account.

pub(crate) mod batch;
pub(crate) mod buffer;
mod chunk;
mod courier;
pub(crate) mod deferred;
mod delivery;
#[cfg(all(test, shuttle))]
mod handover_model;
pub(crate) mod log_record;
pub(crate) mod processors;
#[cfg(test)]
mod properties;
pub(crate) mod proto;
mod retry;
pub(crate) mod scratch;
pub(crate) mod span;
mod split;
pub(crate) mod spool;
mod spool_file;
mod spool_home;
pub(crate) mod stats;
mod sync;
pub(crate) mod transport;
pub(crate) mod value;
mod wire;
pub(crate) mod worker;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::FlushError;
use buffer::{Bounds, Buffer};
use stats::Stats;
use worker::{Command, Inbox, Plan};

/// The running pipeline: where records go in, and where its worker is asked to flush or stop.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) buffer: Arc<Buffer>,
    inbox: Arc<Inbox>,
}

impl Exporter {
    /// # Errors
    /// The worker's thread or runtime could not be made.
    pub(crate) fn start(plan: Plan, bounds: Bounds) -> std::io::Result<Self> {
        let buffer = Arc::new(Buffer::new(bounds.beside(plan.resource.len())));
        let inbox = Arc::new(Inbox::default());
        worker::spawn(plan, Arc::clone(&buffer), Arc::clone(&inbox))?;
        Ok(Exporter { buffer, inbox })
    }

    /// A pipeline that refuses everything and has no worker.
    pub(crate) fn disabled(bounds: Bounds) -> Self {
        let buffer = Arc::new(Buffer::new(bounds));
        buffer.close();
        Exporter {
            buffer,
            inbox: Arc::default(),
        }
    }

    /// Waits until all that is queued now was delivered, spooled or lost, at most for `timeout`.
    ///
    /// # Errors
    /// Not everything was delivered.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.buffer.is_forked() || self.buffer.is_closed() {
            return Err(FlushError::Stopped);
        }
        self.ask(timeout, Command::Flush)
    }

    /// Refuses further records, then does what [`flush`](Self::flush) does and stops the worker.
    ///
    /// # Errors
    /// Not everything was delivered, or it was stopped before.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.buffer.is_forked() || self.buffer.close() {
            return Err(FlushError::Stopped);
        }
        // The worker gives up a little before the caller does, so that it can still say what was lost.
        let margin = (timeout / 10).min(Duration::from_millis(100));
        let deadline = Instant::now() + timeout.saturating_sub(margin);
        self.ask(timeout, |answer| Command::Stop(deadline, answer))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.buffer.counters.snapshot(self.buffer.held())
    }

    fn ask(
        &self,
        timeout: Duration,
        command: impl FnOnce(worker::Answer) -> Command,
    ) -> Result<(), FlushError> {
        if worker::is_worker() {
            // It would wait for itself.
            return Err(FlushError::Stopped);
        }
        let (answer, settled) = mpsc::sync_channel(1);
        self.inbox.send(command(answer), &self.buffer);
        match settled.recv_timeout(timeout) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => Err(FlushError::TimedOut { after: timeout }),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(FlushError::Stopped),
        }
    }
}
