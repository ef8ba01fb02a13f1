//! How many rows a second server-mock takes into embedded `ClickHouse`, beside what the engine takes by itself.
//!
//! `ingest SERVER_MOCK ROUNDS [WORD…]` starts the program `SERVER_MOCK` anew for every measurement, on an empty data directory, sends it
//! requests that were encoded before, and counts the rows that it acknowledged and that are in the table. The engine's own speed is
//! measured beside each: the same rows, as `RowBinary`, into the same table, as many in an insert as the server had; and in every round
//! all in one streaming insert. A measurement is made when its name holds every `WORD`.
//!
//! The data lies in memory (`/dev/shm`), unless `TMPDIR` names a place: the engine leaves writing to the kernel, so a disk is waited for
//! nowhere, but making small files costs several times as much on some file systems, ext4 without a journal for one, for minutes
//! after others were removed.

mod client;
mod cpu;
mod engine;
mod report;
mod requests;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cpu::Cpu;
use engine::Way;
use requests::{Requests, Signal};

/// What one measurement sends.
#[derive(Debug, Clone, Copy)]
struct Load {
    signal: Signal,
    gzip: bool,
    /// Records in a request.
    records: usize,
    /// Connections, each with one request under way.
    clients: usize,
}

impl Load {
    fn name(&self) -> String {
        let Load {
            signal,
            records,
            clients,
            ..
        } = self;
        let encoding = if self.gzip { "gzip" } else { "plain" };
        format!("{} {encoding} {records}x{clients}", signal.name())
    }
}

/// What a measurement shows: rows that were stored, in which time, and what that cost.
#[derive(Debug, Clone, Copy)]
struct Sample {
    rows: u64,
    inserts: u64,
    wall: Duration,
    cpu: Cpu,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (first, rest) = arguments.split_first().expect("SERVER_MOCK ROUNDS [WORD…]");
    if first == "engine" {
        return engine::run(rest);
    }
    let (rounds, words) = rest.split_first().expect("SERVER_MOCK ROUNDS [WORD…]");
    let rounds: usize = rounds.parse().expect("a number of rounds");
    let loads: Vec<_> = loads()
        .filter(|load| words.iter().all(|word| load.name().contains(word)))
        .collect();
    assert!(
        !loads.is_empty(),
        "no measurement has all of {words:?} in its name"
    );
    measure(Path::new(first), rounds, &loads);
}

/// How many clients send requests of each size.
const LOADS: [(usize, &[usize]); 3] = [
    (100, &[1, 4, 16, 64]),
    (1_000, &[1, 4, 16, 64]),
    (10_000, &[1, 4, 16]),
];

fn loads() -> impl Iterator<Item = Load> {
    let encodings = [Signal::Logs, Signal::Spans]
        .into_iter()
        .flat_map(|signal| [(signal, true), (signal, false)]);
    encodings.flat_map(|(signal, gzip)| {
        LOADS.into_iter().flat_map(move |(records, clients)| {
            clients.iter().map(move |&clients| Load {
                signal,
                gzip,
                records,
                clients,
            })
        })
    })
}

/// What was measured of one load: the server, and the engine with as many rows an insert.
#[derive(Debug, Default, Clone)]
struct Measured {
    server: Vec<Sample>,
    alike: Vec<Sample>,
}

/// What was measured of the engine with all rows in one insert.
#[derive(Debug, Default)]
struct Engine {
    best: Vec<Sample>,
    default: Vec<Sample>,
}

fn measure(program: &Path, rounds: usize, loads: &[Load]) {
    for signal in [Signal::Logs, Signal::Spans] {
        let loads: Vec<_> = loads.iter().filter(|load| load.signal == signal).collect();
        let mut measured = vec![Measured::default(); loads.len()];
        let mut engine = Engine::default();
        for round in 1..=rounds {
            let mut requests: Option<Requests> = None;
            // Interleaved, so that what else the machine does concerns all alike.
            for (load, measured) in loads.iter().zip(&mut measured) {
                eprintln!("{}, round {round} of {rounds}", load.name());
                let requests = match &mut requests {
                    Some(ready) if ready.fit(load) => ready,
                    other => other.insert(Requests::new(load.signal, load.records, load.gzip)),
                };
                let folder = folder();
                let sample = once(program, load, requests, folder.path());
                measured.server.push(sample);
                let alike = Way::By(sample.rows / sample.inserts);
                measured
                    .alike
                    .push(engine::measure(folder.path(), signal, alike));
                // A few rows would show the engine's start more than its speed.
                if engine.best.len() < round && sample.rows * 4 > requests::ROWS as u64 {
                    for (way, samples) in [
                        (Way::Best, &mut engine.best),
                        (Way::Default, &mut engine.default),
                    ] {
                        samples.push(engine::measure(folder.path(), signal, way));
                    }
                }
            }
        }
        if !loads.is_empty() {
            println!("{}", report::table(signal, &loads, &measured, &engine));
        }
    }
}

/// A new directory.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if std::env::var_os("TMPDIR").is_none() && memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a directory for the data")
}

/// One measurement, on a data directory that does not exist yet.
fn once(program: &Path, load: &Load, requests: &Requests, data: &Path) -> Sample {
    let server = server::Server::start(program, data);
    let cpu = server.cpu();
    let (rows, wall) = client::send(server.address(), requests, load.clients);
    let cpu = server.cpu() - cpu;
    let table = load.signal.table();
    let stored = server.number(&format!("SELECT count() FROM {table}"));
    assert_eq!(
        stored,
        rows,
        "{}: stored and acknowledged differ",
        load.name()
    );
    // Every insert makes a part of level 0; those that were merged since are kept for some minutes.
    let inserts = server.number(&format!(
        "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = '{table}' AND level = 0"
    ));
    let sample = Sample {
        rows,
        inserts,
        wall,
        cpu,
    };
    server.stop();
    sample
}

/// Where this program lies, to run it again.
fn myself() -> PathBuf {
    std::env::current_exe().expect("a program knows its path")
}
