//! How many rows a second server-mock takes into embedded `ClickHouse`, beside what the engine takes by itself.
//!
//! `ingest SERVER_MOCK ROUNDS [WORD…]` starts the program `SERVER_MOCK` anew for every measurement, on an empty data directory, sends it
//! requests that were encoded before, and counts the rows that it acknowledged and that are in the table. The engine's own speed is
//! measured in every round: the rows of one of these measurements, as `RowBinary`, into the same table in one streaming insert.
//! A measurement is made when its name holds every `WORD`.

mod client;
mod cpu;
mod engine;
mod report;
mod requests;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cpu::Cpu;
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

fn loads() -> impl Iterator<Item = Load> {
    let encodings = [Signal::Logs, Signal::Spans]
        .into_iter()
        .flat_map(|signal| [(signal, true), (signal, false)]);
    encodings.flat_map(|(signal, gzip)| {
        let sizes = [100, 1_000, 10_000].into_iter();
        sizes.flat_map(move |records| {
            [1, 4, 16].map(|clients| Load {
                signal,
                gzip,
                records,
                clients,
            })
        })
    })
}

fn measure(program: &Path, rounds: usize, loads: &[Load]) {
    // Removed at the end only: ext4 makes new files slowly while many have just been removed.
    let folder = tempfile::tempdir().expect("a directory for the data");
    for signal in [Signal::Logs, Signal::Spans] {
        let loads: Vec<_> = loads.iter().filter(|load| load.signal == signal).collect();
        let mut samples = vec![Vec::new(); loads.len()];
        let mut engine = Vec::new();
        for round in 1..=rounds {
            // Interleaved, so that what else the machine does concerns all alike.
            for (load, samples) in loads.iter().zip(&mut samples) {
                eprintln!("{}, round {round} of {rounds}", load.name());
                let data = folder.path().join(format!("{} {round}", load.name()));
                let sample = once(program, load, &data);
                samples.push(sample);
                // A few rows would show the engine's start more than its speed.
                if samples.len() > engine.len() && sample.rows * 10 > requests::ROWS as u64 {
                    engine.push(engine::measure(&data, signal));
                }
            }
        }
        if !loads.is_empty() {
            println!("{}", report::table(signal, &loads, &samples, &engine));
        }
    }
}

/// One measurement, on a data directory that does not exist yet.
fn once(program: &Path, load: &Load, data: &Path) -> Sample {
    let requests = Requests::new(load.signal, load.records, load.gzip);
    let server = server::Server::start(program, data);
    let cpu = server.cpu();
    let (rows, wall) = client::send(server.address(), &requests, load.clients);
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
