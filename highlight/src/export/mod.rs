//! From records to acknowledged requests: note or encode, buffer, seal, send, retry, account.

mod alarm;
pub(crate) mod batch;
pub(crate) mod buffer;
mod calendar;
pub(crate) mod chunk;
pub(crate) mod collector;
mod courier;
pub(crate) mod deferred;
mod delivery;
pub(crate) mod errors;
pub(crate) mod gzip;
#[cfg(all(test, shuttle))]
mod handover_model;
pub(crate) mod keyed;
pub(crate) mod log_record;
mod lookout;
mod metric;
pub(crate) mod note;
mod packed;
mod pending;
pub(crate) mod processors;
#[cfg(test)]
mod properties;
pub(crate) mod proto;
pub(crate) mod reader;
mod repeated;
mod retry;
pub(crate) mod scratch;
pub(crate) mod scribe;
mod severity;
pub(crate) mod site;
pub(crate) mod span;
pub(crate) mod span_note;
mod spare;
pub(crate) mod split;
pub(crate) mod spool;
pub(crate) mod spool_file;
mod spool_home;
pub(crate) mod stacks;
pub(crate) mod stats;
mod sync;
pub(crate) mod text;
mod thread_name;
mod told;
pub(crate) mod transport;
pub(crate) mod value;
mod waiting;
pub(crate) mod worker;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;

use crate::error::FlushError;
use crate::hook::RecordHook;
use buffer::{Bounds, Buffer, in_order};
use chunk::Chunk;
use collector::Collector;
use errors::{ErrorStyle, Errors};
use log_record::Style;
use scribe::Scribe;
use stats::{Signal, Stats};
use worker::{Command, Inbox, Plan};

/// The running pipeline: where records go in, and where its worker is asked to flush or stop.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) collector: Arc<Collector>,
    inbox: Arc<Inbox>,
    /// There is no worker: everything stays, to be collected.
    keeps: Option<(ErrorStyle, Arc<Style>)>,
}

impl Exporter {
    /// # Errors
    /// The worker's thread or runtime could not be made.
    pub(crate) fn start(
        plan: Plan,
        bounds: Bounds,
        scope: InstrumentationScope,
        hook: Option<RecordHook>,
    ) -> std::io::Result<Self> {
        let exporter = Exporter::new(bounds.beside(plan.resource.len()), scope, hook);
        let Exporter {
            buffer,
            collector,
            inbox,
            ..
        } = &exporter;
        worker::spawn(
            plan,
            Arc::clone(buffer),
            Arc::clone(inbox),
            Arc::clone(collector),
        )?;
        Ok(exporter)
    }

    /// A pipeline that refuses everything and has no worker.
    pub(crate) fn disabled(bounds: Bounds, scope: InstrumentationScope) -> Self {
        let exporter = Exporter::new(bounds, scope, None);
        exporter.buffer.close();
        exporter
    }

    fn new(bounds: Bounds, scope: InstrumentationScope, hook: Option<RecordHook>) -> Self {
        let buffer = Arc::new(Buffer::new(bounds));
        Exporter {
            collector: Arc::new(Collector::new(Arc::clone(&buffer), scope, hook)),
            buffer,
            inbox: Arc::default(),
            keeps: None,
        }
    }

    /// A pipeline without a worker that keeps what comes in, for [`collect`](Self::collect).
    pub(crate) fn keeping(plan: &Plan, bounds: Bounds, scope: InstrumentationScope) -> Self {
        Exporter {
            keeps: Some((plan.errors.clone(), Arc::clone(&plan.style))),
            ..Exporter::new(bounds, scope, None)
        }
    }

    /// All that was kept, with the stacks of its errors resolved.
    pub(crate) fn collect(&self) -> Vec<(Signal, Chunk)> {
        if let Some((errors, style)) = &self.keeps {
            let mut scribe = Scribe::new(Arc::clone(style), errors.scope.clone());
            let (full, open) = self.buffer.take_notes();
            let mut blocks = Vec::from(full);
            blocks.extend(open);
            for (signal, note) in in_order(&blocks) {
                scribe.write(signal, note, &self.buffer, || {});
            }
            for block in blocks {
                self.buffer.done_with(block);
            }
            Errors::new(errors.clone()).complete(&self.buffer, || {});
        }
        self.collector.collect();
        self.buffer.seal_open();
        std::iter::from_fn(|| self.buffer.take_sealed()).collect()
    }

    /// Waits until all that is queued now was delivered, spooled or lost, at most for `timeout`.
    ///
    /// # Errors
    /// Not everything was delivered.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.buffer.is_forked() || self.buffer.is_closed() {
            return Err(FlushError::Stopped);
        }
        if self.keeps.is_some() {
            return Ok(());
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
        self.collector.registry().turn_away();
        if self.keeps.is_some() {
            return Ok(());
        }
        // The worker gives up a little before the caller does, so that it can still say what was lost.
        let margin = (timeout / 10).min(Duration::from_millis(100));
        let deadline = Instant::now() + timeout.saturating_sub(margin);
        self.ask(timeout, |answer| Command::Stop(deadline, answer))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.buffer.stats()
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
