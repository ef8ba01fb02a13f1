//! The one thread that seals, compresses and sends. It owns its runtime, so nothing the application does can starve it.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::time::Instant;

use super::alarm::Alarm;
use super::buffer::{Block, Buffer, GATHERING, in_order, lock};
use super::calendar::Calendar;
use super::collector::Collector;
use super::delivery::Delivery;
use super::errors::{ErrorStyle, Errors};
use super::log_record::Style;
use super::lookout::Lookout;
use super::scribe::Scribe;
use super::spool::{Spool, SpoolPlan};
use super::sync::Mutex;
use super::transport::{Endpoint, Transport};
use crate::diagnostics::say;
use crate::error::FlushError;

/// While batches go to disk, a chunk is not closed for fewer than the records of so long.
const SPOOL_DELAY: Duration = Duration::from_secs(5);
thread_local! {
    static WORKER: Cell<bool> = const { Cell::new(false) };
}

/// True on the worker's own threads, whose telemetry is nobody's business.
#[inline]
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
    pub(crate) errors: ErrorStyle,
    pub(crate) style: Arc<Style>,
    pub(crate) spool: Option<SpoolPlan>,
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
            // As a task it is woken by the runtime's other tasks without a call of the system.
            runtime.block_on(async {
                let _ = tokio::spawn(run(plan, buffer, inbox, collector)).await;
            });
            // A name lookup under way may hang in the system's resolver; it is not waited for.
            runtime.shutdown_background();
        })?;
    Ok(())
}

async fn run(plan: Plan, buffer: Arc<Buffer>, inbox: Arc<Inbox>, collector: Arc<Collector>) {
    Alarm::begin(&buffer);
    // Loading the system's certificates takes some milliseconds: here, not in `init`.
    let transport = Transport::new(&plan.endpoint);
    if let Err(reason) = &transport {
        say(format_args!("nothing can be sent: {reason}"));
    }
    let spool = plan.spool.clone();
    let spool = spool.map(|plan| Spool::open(plan, Arc::clone(&buffer)));
    let mut worker = Worker {
        delivery: Delivery::new(transport.ok(), Arc::clone(&buffer), spool),
        metrics: Calendar::new(collector, plan.interval),
        errors: Errors::new(plan.errors.clone()),
        scribe: Scribe::new(Arc::clone(&plan.style), plan.errors.scope.clone()),
        plan,
        buffer,
        inbox,
        sequence: 0,
        due: None,
        lookout: Lookout::default(),
        has_written_errors: false,
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
            Next::Wait(None) => {
                worker.buffer.rest();
                worker.buffer.wake.notified().await;
            }
            Next::Wait(Some(until)) => {
                worker.buffer.rest();
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
    errors: Errors,
    scribe: Scribe,
    delivery: Delivery,
    metrics: Calendar,
    /// Of the next batch.
    sequence: u64,
    /// When the open chunks are sealed.
    due: Option<Instant>,
    /// For errors.
    lookout: Lookout,
    /// Errors are in the open chunks.
    has_written_errors: bool,
    /// What callers asked, until the metrics that were measured before are collected too.
    asked: Vec<Answer>,
    /// The same, with the collection under way.
    collecting: Vec<Answer>,
    waiting: Vec<Waiter>,
    stop: Option<Stop>,
}

#[derive(Debug, Clone, Copy)]
struct Stop {
    /// With a spool, sending ends here, and what is left goes to disk.
    send_until: Instant,
    at: Instant,
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
        let now = Instant::now();
        if self.stop.is_some_and(|stop| stop.send_until <= now) {
            self.delivery.retreat();
        }
        self.delivery.launch();
        let is_asked = !self.asked.is_empty() || !self.collecting.is_empty();
        let settled = self.oldest().is_none() && self.delivery.has_landed() && !is_asked;
        let finished = self.stop.is_some() && settled;
        let expired = self.stop.is_some_and(|stop| stop.at <= now);
        if expired {
            self.delivery.abandon();
            self.buffer.abandon();
            self.give_up();
        }
        if finished || expired {
            self.delivery.close();
        }
        // Who asked to stop may end the process with the answer: everything is over before.
        if self.stop.is_none() || finished || expired {
            self.answer();
        }
        match (finished || expired, compressed) {
            (true, _) => Next::Stop,
            (false, true) => Next::Again,
            (false, false) => Next::Wait(self.next_deadline()),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let due = match self.due {
            Some(due) if self.delivery.is_idle() => Some(due),
            Some(due) if self.delivery.is_spooling() => Some(due + SPOOL_DELAY),
            _ => None,
        };
        let now = Instant::now();
        let stop = self.stop.map(|stop| {
            Some(stop.send_until)
                .filter(|at| *at > now)
                .unwrap_or(stop.at)
        });
        let times = [
            due,
            self.lookout.next(),
            self.delivery.next_attempt(),
            stop,
            self.metrics.deadline(),
        ];
        times.into_iter().flatten().min()
    }

    fn obey(&mut self) {
        let commands = mem::take(&mut *lock(&self.inbox.0));
        for command in commands {
            self.asked.push(match command {
                Command::Flush(answer) => answer,
                Command::Stop(deadline, answer) => {
                    let (now, at) = (Instant::now(), Instant::from(deadline));
                    let send_until = if self.delivery.has_spool() {
                        now + at.saturating_duration_since(now) / 2
                    } else {
                        at
                    };
                    self.delivery.stop();
                    self.stop = Some(Stop { send_until, at });
                    answer
                }
            });
        }
        if self.metrics.is_running() {
            // It may have passed by what was measured since.
            return;
        }
        let mut ready = mem::take(&mut self.collecting);
        let asked = mem::take(&mut self.asked);
        if !asked.is_empty() && self.metrics.advance() && self.metrics.is_running() {
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
        if self.buffer.is_urgent() || self.finds_errors(now) {
            self.due = Some(self.due.map_or(now, |due| due.min(now)));
        }
        let due = self.due.is_some_and(|due| due <= now);
        let overdue = self.due.is_some_and(|due| due + SPOOL_DELAY <= now);
        if self.delivery.is_idle() && due || self.delivery.is_spooling() && overdue {
            self.close_all();
        }
    }

    /// True when errors wait that have had time for company.
    fn finds_errors(&mut self, now: Instant) -> bool {
        let (buffer, delay) = (&self.buffer, self.plan.delay);
        // While an alarm is set, it will wake the worker.
        if self.lookout.is_over() && buffer.is_watched() && !buffer.alarm.is_set() {
            let rung = buffer.alarm.has_rung();
            let company = if rung { Duration::ZERO } else { GATHERING };
            self.lookout.begin(now + company.min(delay));
        }
        let watches = !self.lookout.is_over();
        let are_some = || self.has_written_errors || buffer.has_waiting();
        if self.lookout.finds(now, delay, are_some) {
            return true;
        }
        if watches && self.lookout.is_over() {
            // First the flag, then the last look: what comes in between wakes the worker.
            buffer.alarm.clear();
            buffer.unwatch();
            if are_some() {
                self.lookout = Lookout::Found;
                return true;
            }
        }
        false
    }

    fn close_all(&mut self) {
        self.due = None;
        // First the note, then what it is about: what comes in between is noted anew.
        self.buffer.take_urgent();
        self.buffer.disarm();
        let (full, open) = self.buffer.take_notes();
        for block in full {
            self.write(vec![block]);
        }
        self.write(open);
        let some = self.complete_errors() | mem::take(&mut self.has_written_errors);
        self.lookout.taken(some, Instant::now(), self.plan.delay);
        self.buffer.seal_open();
    }

    /// Writes the records of notes. What is full meanwhile is compressed, so that records and notes together take no more memory
    /// than they have to.
    fn write(&mut self, blocks: Vec<Block>) {
        let Worker {
            plan,
            buffer,
            scribe,
            delivery,
            sequence,
            ..
        } = self;
        let mut compress = || while compress_sealed(plan, buffer, delivery, sequence) {};
        for (signal, note) in in_order(&blocks) {
            scribe.write(signal, note, buffer, &mut compress);
        }
        for block in blocks {
            buffer.done_with(block);
        }
    }

    /// The same for the errors that wait. True when there was one.
    fn complete_errors(&mut self) -> bool {
        let Worker {
            plan,
            buffer,
            errors,
            delivery,
            sequence,
            ..
        } = self;
        let compress = || while compress_sealed(plan, buffer, delivery, sequence) {};
        errors.complete(buffer, compress)
    }

    /// The next piece of what needs no more company.
    fn compress_one(&mut self) -> bool {
        let Worker {
            plan,
            buffer,
            delivery,
            sequence,
            ..
        } = self;
        if compress_sealed(plan, buffer, delivery, sequence) {
            return true;
        }
        if let Some(block) = self.buffer.take_full_notes() {
            self.write(vec![block]);
            return true;
        }
        // Where they wait they take more memory, and fresh memory for each.
        let are_many = self.buffer.notes_many_waiting();
        if are_many {
            self.has_written_errors |= self.complete_errors();
        }
        are_many
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

/// Makes a batch of the oldest sealed chunk, when there is one. It takes less memory then.
fn compress_sealed(
    plan: &Plan,
    buffer: &Buffer,
    delivery: &mut Delivery,
    sequence: &mut u64,
) -> bool {
    let Some((signal, chunk)) = buffer.take_sealed() else {
        return false;
    };
    delivery.enqueue(&plan.resource, signal, chunk, *sequence);
    *sequence += 1;
    true
}
