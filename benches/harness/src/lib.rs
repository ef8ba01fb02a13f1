//! The same work for every SDK, measured the same way.
//!
//! A peer is a program that calls [`run`] with a function that starts its SDK. The work itself goes through `tracing`'s macros, so that
//! it is the same to the letter; only errors are captured through the peer's own call. One line of JSON comes out.

use std::error::Error;
use std::fmt;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};

/// A started SDK.
pub trait Peer: Sync {
    /// Reports an error, as its documentation says to.
    fn capture(&self, error: &Declined);

    /// Returns when everything was sent, or given up.
    fn flush(&self);
}

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

/// Runs what the command line asks for: `LOAD THREADS COUNT PAUSE_NS ENDPOINT`.
pub fn run<P: Peer>(start: impl FnOnce(&str) -> P) {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("LOAD THREADS COUNT PAUSE_NS ENDPOINT");
    let (load, threads, count) = (next(), number(&next()), number(&next()));
    let (pause, endpoint) = (Duration::from_nanos(number(&next())), next());

    let begun = Instant::now();
    let peer = start(&endpoint);
    let startup = begun.elapsed();
    // What is set up with the first record is not the load's.
    once(&peer, &load, 0);
    peer.flush();

    let process = ProcessTime::now();
    let wall = Instant::now();
    let each = count / threads;
    let barrier = Barrier::new(usize::try_from(threads).expect("few threads"));
    let measured: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&peer, &load, each, pause, &barrier)))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("the load does not panic")).collect()
    });
    peer.flush();
    let (process, wall) = (process.elapsed(), wall.elapsed());

    let caller: Duration = measured.iter().map(|(cpu, _)| *cpu).sum();
    let mut latencies: Vec<_> = measured.into_iter().flat_map(|(_, latencies)| latencies).collect();
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
    println!(
        "{}",
        serde_json::json!({
            "records": each * threads,
            "caller_ns": caller.as_nanos() as u64,
            "process_ns": process.as_nanos() as u64,
            "wall_ns": wall.as_nanos() as u64,
            "p99_ns": p99.as_nanos() as u64,
            "startup_ns": startup.as_nanos() as u64,
            "peak_rss_kib": peak_rss_kib(),
        })
    );
}

fn number(text: &str) -> u64 {
    text.parse().expect("a whole number")
}

/// CPU time of the calling thread alone, and the wall time of every 64th call.
fn work(
    peer: &impl Peer,
    load: &str,
    count: u64,
    pause: Duration,
    barrier: &Barrier,
) -> (Duration, Vec<Duration>) {
    let mut latencies = Vec::with_capacity(usize::try_from(count / 64 + 1).expect("it fits"));
    barrier.wait();
    let mut sleeping = Duration::ZERO;
    let cpu = ThreadTime::now();
    for at in 0..count {
        if at % 64 == 32 {
            let begun = Instant::now();
            once(peer, load, at);
            latencies.push(begun.elapsed());
        } else {
            once(peer, load, at);
        }
        if !pause.is_zero() && at % 64 == 63 {
            // In small groups, as a request logs: a thread that wakes for one record measures its cold caches.
            let before = ThreadTime::now();
            std::thread::sleep(pause * 64);
            sleeping += before.elapsed();
        }
    }
    (cpu.elapsed().saturating_sub(sleeping), latencies)
}

#[inline(never)]
fn once(peer: &impl Peer, load: &str, at: u64) {
    match load {
        "log" => tracing::info!(cart = "c-17", total = 12.5, items = at, paid = true, "order placed"),
        "span" => {
            let _inside = tracing::info_span!("charge", cart = "c-17", total = 12.5, items = at).entered();
        }
        "span+log" => {
            let _inside = tracing::info_span!("charge", cart = "c-17", total = 12.5, items = at).entered();
            tracing::info!(cart = "c-17", total = 12.5, items = at, paid = true, "order placed");
        }
        "error" => {
            let declined = "x".parse::<i32>().map_err(Declined);
            if let Err(error) = declined {
                peer.capture(&error);
            }
        }
        "disabled" => tracing::trace!(cart = "c-17", total = 12.5, items = at, "order placed"),
        other => panic!("there is no load {other:?}"),
    }
}

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
