//! The one thread that seals, compresses and sends. It owns its runtime, so nothing the application does can starve it.

use std::cell::Cell;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::batch;
use super::buffer::{Buffer, lock};
use super::calendar::Calendar;
use super::collector::Collector;
use super::deferred::{StackStyle, Symbols};
use super::delivery::Delivery;
use super::transport::{Endpoint, Transport};
use crate::diagnostics::say;
use crate::error::FlushError;

thread_local! {
    static WORKER: Cell<bool> = const { Cell::new(false) };
}

/// True on the worker's own threads, whose telemetry is nobody's business.
pub(crate) fn is_worker() -> bool {
    WORKER.get()
}

/// Marks this thread as one of the worker's.
pub(crate) fn become_worker() {
    WORKER.set(true);
}

/// What the worker needs to know of the configuration.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    /// The encoded `Resource` message.
    pub(crate) resource: Vec<u8>,
    /// How long the first record of a batch may wait for company.
    pub(crate) delay: Duration,
    /// From one collection of metrics to the next.
    pub(crate) interval: Duration,
    pub(crate) stacks: StackStyle,
}

/// Answers a command with what became of the records it was about.
pub(crate) type Answer = SyncSender<Result<(), FlushError>>;

/// What callers ask of the worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// Answer when all that is queued now is settled.
    Flush(Answer),
    /// The same, then stop; at the deadline at the latest.
    Stop(std::time::Instant, Answer),
}

/// Commands for the worker. It waits for one thing only, the buffer's notifier.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Vec<Command>>);

impl Inbox {
    pub(crate) fn send(&self, command: Command, buffer: &Buffer) {
        lock(&self.0).push(command);
        buffer.wake.notify_one();
    }
}

/// Starts the worker thread.
///
/// # Errors
/// The thread or its runtime could not be made.
pub(crate) fn spawn(
    plan: Plan,
    buffer: Arc<Buffer>,
    inbox: Arc<Inbox>,
    collector: Arc<Collector>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(become_worker)
        .thread_name("highlight-dns")
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    std::thread::Builder::new()
        .name("highlight".to_owned())
        .spawn(move || {
            become_worker();
            runtime.block_on(run(plan, buffer, inbox, collector));
            // A name lookup under way may hang in the system's resolver; it is not waited for.
            runtime.shutdown_background();
        })?;
    Ok(())
}

async fn run(plan: Plan, buffer: Arc<Buffer>, inbox: Arc<Inbox>, collector: Arc<Collector>) {
    // Loading the system's certificates takes some milliseconds: here, not in `init`.
    let transport = Transport::new(&plan.endpoint);
    if let Err(reason) = &transport {
        say(format_args!("nothing can be sent: {reason}"));
    }
    let mut worker = Worker {
        delivery: Delivery::new(transport.ok(), Arc::clone(&buffer)),
        metrics: Calendar::new(collector, plan.interval),
        plan,
        buffer,
        inbox,
        symbols: Symbols::new(),
        sequence: 0,
        due: None,
        asked: Vec::new(),
        collecting: Vec::new(),
        waiting: Vec::new(),
        stop: None,
    };
    loop {
        match worker.turn() {
            Next::Stop => return,
            // There is more to compress: the requests under way come first.
            Next::Again => tokio::task::yield_now().await,
            Next::Wait(None) => worker.buffer.wake.notified().await,
            Next::Wait(Some(until)) => {
                let notified = worker.buffer.wake.notified();
                // Woken or due, the next turn looks at everything.
                let _ = tokio::time::timeout_at(until, notified).await;
            }
        }
    }
}

#[derive(Debug)]
struct Waiter {
    /// All batches below this sequence number have to be settled.
    until: u64,
    lost_before: u64,
    answer: Answer,
}

#[derive(Debug)]
struct Worker {
    plan: Plan,
    buffer: Arc<Buffer>,
    inbox: Arc<Inbox>,
    symbols: Symbols,
    delivery: Delivery,
    metrics: Calendar,
    /// Of the next batch.
    sequence: u64,
    /// When the open chunks are sealed.
    due: Option<Instant>,
    /// What callers asked, until the metrics that were measured before are collected too.
    asked: Vec<Answer>,
    /// The same, with the collection under way.
    collecting: Vec<Answer>,
    waiting: Vec<Waiter>,
    stop: Option<Instant>,
}

/// What to do after a turn.
enum Next {
    Again,
    Wait(Option<Instant>),
    Stop,
}

impl Worker {
    /// Does what there is to do now.
    fn turn(&mut self) -> Next {
        self.delivery.settle();
        self.obey();
        self.metrics.keep();
        self.close_chunks();
        let compressed = self.compress_one();
        self.delivery.launch();
        let is_asked = !self.asked.is_empty() || !self.collecting.is_empty();
        let finished = self.stop.is_some() && self.oldest().is_none() && !is_asked;
        let expired = self.stop.is_some_and(|at| at <= Instant::now());
        if expired {
            self.delivery.abandon();
            self.buffer.abandon();
            self.give_up();
        }
        self.answer();
        match (finished || expired, compressed) {
            (true, _) => Next::Stop,
            (false, true) => Next::Again,
            (false, false) => Next::Wait(self.next_deadline()),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let due = self.due.filter(|_| self.delivery.is_idle());
        let times = [due, self.delivery.next_attempt(), self.stop];
        let times = times.into_iter().chain([self.metrics.deadline()]);
        times.flatten().min()
    }

    fn obey(&mut self) {
        let commands = std::mem::take(&mut *lock(&self.inbox.0));
        for command in commands {
            self.asked.push(match command {
                Command::Flush(answer) => answer,
                Command::Stop(deadline, answer) => {
                    self.stop = Some(deadline.into());
                    answer
                }
            });
        }
        if self.metrics.is_running() {
            // It may have passed by what was measured since.
            return;
        }
        let mut ready = std::mem::take(&mut self.collecting);
        let asked = std::mem::take(&mut self.asked);
        if !asked.is_empty() && self.metrics.advance() {
            self.collecting = asked;
        } else {
            ready.extend(asked);
        }
        for answer in ready {
            let lost_before = self.buffer.counters.lost_total();
            self.close_all();
            self.delivery.hasten();
            self.waiting.push(Waiter {
                until: self.sequence + self.buffer.sealed_chunks(),
                lost_before,
                answer,
            });
        }
    }

    /// Closes the open chunks when they have waited long enough, or hold something that must leave at once, and a batch
    /// of them could leave now. Until then they go on filling.
    fn close_chunks(&mut self) {
        let now = Instant::now();
        if self.due.is_none() && self.buffer.is_armed() {
            self.due = Some(now + self.plan.delay);
        }
        let due = self.due.is_some_and(|due| due <= now);
        if self.delivery.is_idle() && (self.buffer.take_urgent() || due) {
            self.close_all();
        }
    }

    fn close_all(&mut self) {
        self.due = None;
        for mut deferred in self.buffer.take_deferred() {
            let record = deferred.complete(&mut self.symbols, self.plan.stacks);
            self.buffer.append_resolved(&deferred, &record);
        }
        self.buffer.seal_open();
    }

    /// Makes a batch of the oldest sealed chunk, when there is one and the queue has room for it.
    fn compress_one(&mut self) -> bool {
        if !self.delivery.has_room() {
            return false;
        }
        let Some((signal, chunk)) = self.buffer.take_sealed() else {
            return false;
        };
        let batch = batch::seal(&self.plan.resource, signal, &chunk, self.sequence);
        self.sequence += 1;
        self.delivery.enqueue(batch);
        true
    }

    /// The sequence number of the oldest batch that is not settled, or not made yet.
    fn oldest(&self) -> Option<u64> {
        let unmade = (self.buffer.sealed_chunks() > 0).then_some(self.sequence);
        self.delivery.oldest().or(unmade)
    }

    /// Tells those for whom the collection of metrics did not end in time.
    fn give_up(&mut self) {
        for answer in self.asked.drain(..).chain(self.collecting.drain(..)) {
            let _ = answer.try_send(Err(FlushError::Unfinished));
        }
    }

    /// Tells those who wait for batches that are all settled.
    fn answer(&mut self) {
        let oldest = self.oldest().unwrap_or(u64::MAX);
        let lost = self.buffer.counters.lost_total();
        for waiter in self.waiting.extract_if(.., |waiter| waiter.until <= oldest) {
            let result = match lost - waiter.lost_before {
                0 => Ok(()),
                records => Err(FlushError::Lost { records }),
            };
            // Nobody listens any more when the caller's time ran out.
            let _ = waiter.answer.try_send(result);
        }
    }
}
