//! `cargo xtask bench growth [ROUNDS]`: how the cost of a log record grows with its fields, its text and the threads that log.

mod chart;

use anyhow::{Context as _, Result, ensure};

use super::build::{Package, build};
use super::document::Document;
use super::load::Load;
use super::report::{Sample, median};
use crate::say;
use chart::{Chart, Point};

/// The second is what ours is compared with.
const PEERS: [&str; 2] = ["ours", "opentelemetry"];

const PACKAGES: [Package; 4] = [
    ("sink", &[]),
    ("plot", &[]),
    ("peer-ours", &[]),
    ("peer-opentelemetry", &[]),
];

/// What grows, and the load at each of its sizes. All are paced, so that both deliver everything: to drop a record costs little.
struct Sweep {
    /// The name of its files.
    name: &'static str,
    along: &'static str,
    loads: &'static [(u32, Load)],
}

const SWEEPS: [Sweep; 3] = [
    Sweep {
        name: "attributes",
        along: "fields of the event",
        loads: &[
            (0, Load::paced("attributes-0", 20_000, 20_000, 64)),
            (3, Load::paced("attributes-3", 20_000, 20_000, 64)),
            (10, Load::paced("attributes-10", 20_000, 20_000, 64)),
            (30, Load::paced("attributes-30", 20_000, 20_000, 64)),
        ],
    },
    Sweep {
        name: "text",
        along: "bytes of its one text field",
        loads: &[
            (10, Load::paced("text-10", 3_000, 1_000, 25)),
            (100, Load::paced("text-100", 3_000, 1_000, 25)),
            (1_000, Load::paced("text-1000", 3_000, 1_000, 25)),
            (10_000, Load::paced("text-10000", 450, 150, 25)),
            (65_536, Load::paced("text-65536", 100, 25, 25)),
        ],
    },
    Sweep {
        name: "threads",
        along: "threads that log",
        loads: &[
            (1, threads(1)),
            (2, threads(2)),
            (4, threads(4)),
            (8, threads(8)),
        ],
    },
];

const fn threads(threads: u32) -> Load {
    Load {
        threads,
        ..Load::paced("log", 40_000, 40_000, 64)
    }
}

pub(super) fn run(arguments: &[String], document: &mut Document) -> Result<()> {
    let rounds: usize = match arguments {
        [] => 5,
        [rounds] => rounds.parse().context("give the number of rounds")?,
        _ => anyhow::bail!("give the number of rounds, or nothing"),
    };
    ensure!(rounds > 0, "give at least one round");
    let binaries = build(&PACKAGES)?;
    let mut text = String::new();
    for sweep in SWEEPS {
        let mut chart = Chart::new(sweep.name, sweep.along);
        for (size, load) in sweep.loads {
            let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); PEERS.len()];
            for round in 1..=rounds {
                say(&format!(
                    "{size} {}, round {round} of {rounds}",
                    sweep.along
                ));
                for (peer, samples) in PEERS.iter().zip(&mut samples) {
                    samples.push(load.run(&binaries, peer)?);
                }
            }
            for (peer, samples) in PEERS.iter().zip(&samples) {
                chart.push(Point {
                    peer,
                    size: *size,
                    caller_ns: median(samples, |sample| sample.caller_ns),
                    process_ns: median(samples, |sample| sample.delivered_ns),
                    delivered: median(samples, |sample| sample.delivered),
                });
            }
        }
        text.push_str(&chart.table());
        if document.write {
            chart.draw(&binaries.join("plot"))?;
        }
    }
    document.put("growth", &text)
}
