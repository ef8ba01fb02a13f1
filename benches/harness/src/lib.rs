//! The same work for every SDK, measured the same way.
//!
//! A peer is a program that calls [`run`] with a function that starts its SDK. The work itself goes through `tracing`'s macros, so that
//! it is the same to the letter; only errors and metrics, and the spans of a peer that takes none from `tracing`, go through the peer's
//! own calls. One line of JSON comes out.

mod load;
mod server;

use std::error::Error;
use std::fmt;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};

pub use load::{Load, Work};
pub use server::{Bare, answer, endpoint};

/// A started SDK.
pub trait Peer: Sync {
    /// Reports an error, as its documentation says to.
    fn capture(&self, error: &Declined);

    /// Adds one to the counter [`COUNTER`] with [`ATTRIBUTES`], and records `at` in the histogram [`HISTOGRAM`].
    fn measure(&self, at: u64);

    /// Spans of its own, where it makes none of `tracing`'s.
    fn own_spans(&self) -> Option<&dyn OwnSpans> {
        None
    }

    /// Returns when everything was sent, or given up.
    fn flush(&self);

    /// The same when nothing more comes: for an SDK that sends everything only when it ends.
    fn finish(&self) {
        self.flush();
    }
}

/// Spans that go through the peer's own calls.
pub trait OwnSpans {
    /// A span with the three fields of the span load, open while `inside` runs.
    fn charge(&self, at: u64, inside: &dyn Fn());
}

/// The names of the metric load.
pub const COUNTER: &str = "bench.orders";
pub const HISTOGRAM: &str = "bench.total";
pub const ATTRIBUTES: [(&str, &str); 2] = [("shop", "s-3"), ("country", "NL")];

/// The error of the error load.
#[derive(Debug)]
pub struct Declined(pub std::num::ParseIntError);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// What the command line asks for: `LOAD THREADS COUNT PAUSE_NS GROUP ENDPOINT`.
struct Plan {
    load: Load,
    /// Records of each thread.
    each: u64,
    /// From one record of a thread to the next; zero where they are made as fast as they can be.
    pause: Duration,
    /// Records that are made between two pauses.
    group: u64,
}

/// Runs what the command line asks for.
pub fn run<P: Peer>(start: impl FnOnce(&str) -> P) {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .expect("LOAD THREADS COUNT PAUSE_NS GROUP ENDPOINT")
    };
    let load = next().parse().expect("a load");
    let [threads, count, pause_ns, group] =
        std::array::from_fn(|_| next().parse().expect("a whole number"));
    let plan = Plan {
        load,
        each: count / threads,
        pause: Duration::from_nanos(pause_ns),
        group,
    };
    let endpoint = next();

    let begun = Instant::now();
    let peer = start(&endpoint);
    let startup = begun.elapsed();
    // What is set up with the first record is not the load's.
    Work::new(&peer, load).once(0);
    peer.flush();
    let own = own(&plan, threads);

    let process = ProcessTime::now();
    let wall = Instant::now();
    let Spent {
        caller,
        sleeping,
        mut latencies,
    } = on_threads(threads, |barrier| {
        let work = Work::new(&peer, plan.load);
        barrier.wait();
        paced(&plan, plan.each, |at| work.once(at))
    });
    peer.finish();
    let (process, wall) = (process.elapsed(), wall.elapsed());

    let records = plan.each * threads;
    let process = process.saturating_sub(own.process + sleeping);
    let caller = caller.saturating_sub(own.caller);
    latencies.sort_unstable();
    let p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    println!(
        "{}",
        serde_json::json!({
            "records": records,
            "caller_ns": caller.as_nanos() as u64,
            "process_ns": process.as_nanos() as u64,
            "wall_ns": wall.as_nanos() as u64,
            "p99_ns": p99.as_nanos() as u64,
            "startup_ns": startup.as_nanos() as u64,
            "peak_rss_kib": peak_rss_kib(),
        })
    );
}

/// What threads spent.
#[derive(Default)]
struct Spent {
    /// Their CPU time, but for what they spent on going to sleep and waking up.
    caller: Duration,
    sleeping: Duration,
    /// The wall time of some calls.
    latencies: Vec<Duration>,
}

/// Has so many threads do `work` at once.
fn on_threads(threads: u64, work: impl Fn(&Barrier) -> Spent + Sync) -> Spent {
    let barrier = Barrier::new(usize::try_from(threads).expect("few threads"));
    let mut all = Spent::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&barrier)))
            .collect();
        for worker in workers {
            let spent = worker.join().expect("the load does not panic");
            all.caller += spent.caller;
            all.sleeping += spent.sleeping;
            all.latencies.extend(spent.latencies);
        }
    });
    all
}

/// The harness's own part.
struct Own {
    caller: Duration,
    process: Duration,
}

/// What the load takes threads that make no records: starting them, reading the clock, and waking up where there are pauses. At a pace
/// it is measured for some groups, in a process whose caches nobody else fills meanwhile, so it is rather too little than too much. Of two
/// times the lesser counts: the first threads of a process cost more.
fn own(plan: &Plan, threads: u64) -> Own {
    const GROUPS: u64 = 20;
    let is_paced = !plan.pause.is_zero();
    let some = if is_paced {
        plan.each.min(GROUPS * plan.group)
    } else {
        plan.each
    };
    let nothing = |barrier: &Barrier| {
        barrier.wait();
        paced(plan, some, |at| {
            std::hint::black_box(at);
        })
    };
    let measure = || {
        let process = ProcessTime::now();
        let spent = on_threads(threads, nothing);
        let process = process.elapsed();
        let caller = spent.caller.mul_f64(plan.each as f64 / some as f64);
        // Threads that sleep are started once for many pauses.
        (caller, if is_paced { caller } else { process })
    };
    let (one, other) = (measure(), measure());
    Own {
        caller: one.0.min(other.0),
        process: one.1.min(other.1),
    }
}

/// Calls `once` for each of `records` records, in the plan's groups.
fn paced(plan: &Plan, records: u64, once: impl Fn(u64)) -> Spent {
    // Prime to the groups, so that no place in a group is preferred.
    let stride = if plan.each >= 10_000 { 61 } else { 7 };
    let mut latencies = Vec::with_capacity(usize::try_from(records / stride + 1).expect("it fits"));
    let mut sleeping = Duration::ZERO;
    let cpu = ThreadTime::now();
    for at in 0..records {
        if at % stride == stride / 2 {
            let begun = Instant::now();
            once(at);
            latencies.push(begun.elapsed());
        } else {
            once(at);
        }
        if !plan.pause.is_zero() && at % plan.group == plan.group - 1 {
            // In small groups, as a request logs: a thread that wakes for one record measures its cold caches.
            let before = ThreadTime::now();
            std::thread::sleep(plan.pause * u32::try_from(plan.group).expect("a small group"));
            sleeping += before.elapsed();
        }
    }
    Spent {
        caller: cpu.elapsed().saturating_sub(sleeping),
        sleeping,
        latencies,
    }
}

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
