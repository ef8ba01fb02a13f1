//! `cargo xtask bench`: the same work through every SDK, in one run, as medians.

mod ingest;
mod report;
mod sink;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{say, show};
use report::Sample;
use sink::Sink;

/// Ours first; the second is what the others are compared with.
const PEERS: [&str; 4] = ["ours", "opentelemetry", "sentry", "logfire"];

/// What is measured: name, threads, records, and, for a paced load, the time from one record of a thread to the next
/// in nanoseconds: groups of 64 with a pause between them.
const LOADS: [Load; 8] = [
    Load::burst("log", 1, 50_000),
    Load::burst("log", 4, 50_000),
    Load::burst("span", 1, 50_000),
    Load::burst("span+log", 1, 50_000),
    Load::burst("span+log", 4, 50_000),
    Load::burst("error", 1, 2_000),
    Load::burst("disabled", 1, 1_000_000),
    Load {
        name: "log",
        threads: 1,
        records: 20_000,
        pause_ns: 50_000,
    },
];

#[derive(Debug, Clone, Copy)]
struct Load {
    name: &'static str,
    threads: u32,
    records: u32,
    pause_ns: u32,
}

impl Load {
    const fn burst(name: &'static str, threads: u32, records: u32) -> Self {
        Load {
            name,
            threads,
            records,
            pause_ns: 0,
        }
    }

    fn title(&self) -> String {
        let threads = if self.threads == 1 {
            "thread"
        } else {
            "threads"
        };
        let pace = match self.pause_ns {
            0 => "burst",
            _ => "paced",
        };
        format!(
            "{}: {} of {} records, {} {threads}",
            self.name, pace, self.records, self.threads
        )
    }

    /// How many telemetry items one record of the load is.
    fn items(&self) -> u64 {
        match self.name {
            "span+log" => 2,
            _ => 1,
        }
    }
}

/// Runs the command: `[ROUNDS] [LOAD]`, or `ingest` with its own arguments.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(("ingest", rest)) = arguments
        .split_first()
        .map(|(first, rest)| (&**first, rest))
    {
        return ingest::run(rest);
    }
    let (rounds, only) = parse(arguments)?;
    let folder = Path::new("benches");
    ensure!(
        folder.join("Cargo.toml").exists(),
        "run `cargo xtask bench` in the workspace's folder"
    );
    say("building the peers, each with its dependencies; the first time takes minutes");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release"])
        .current_dir(folder)
        .status()
        .context("cannot run cargo")?;
    ensure!(
        built.success(),
        "the benchmarks do not build: see cargo's error above"
    );
    let binaries = folder.join("target/release");

    for load in LOADS
        .iter()
        .filter(|load| only.as_ref().is_none_or(|only| only == load.name))
    {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); PEERS.len()];
        for round in 0..rounds {
            say(&format!(
                "{}, round {} of {rounds}",
                load.title(),
                round + 1
            ));
            // Interleaved, so that what else the machine does concerns all alike.
            for (peer, samples) in PEERS.iter().zip(&mut samples) {
                samples.push(measure(&binaries, peer, load)?);
            }
        }
        show(&report::table(load, &PEERS, &samples));
    }
    show(&report::sizes(&PEERS, &binaries)?);
    Ok(())
}

fn parse(arguments: &[String]) -> Result<(usize, Option<String>)> {
    let mut rounds = 5;
    let mut only = None;
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            rounds = number;
        } else if LOADS.iter().any(|load| load.name == argument) {
            only = Some(argument.clone());
        } else {
            bail!(
                "{argument:?} is neither a number of rounds nor one of the loads log, span, span+log, error, disabled"
            );
        }
    }
    ensure!(rounds > 0, "give at least one round");
    Ok((rounds, only))
}

/// One run of one peer, to a sink of its own.
fn measure(binaries: &Path, peer: &str, load: &Load) -> Result<Sample> {
    let sink = Sink::start(&binaries.join("sink"))?;
    let program: PathBuf = binaries.join(format!("peer-{peer}"));
    let output = Command::new(&program)
        .arg(load.name)
        .args([load.threads, load.records, load.pause_ns].map(|number| number.to_string()))
        .arg(format!("http://{}", sink.address()))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{peer} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let measured = String::from_utf8_lossy(&output.stdout);
    let line = measured.lines().last().unwrap_or_default();
    let measured: Value = serde_json::from_str(line)
        .with_context(|| format!("{peer} printed no measurement: {line:?}"))?;
    Ok(Sample::new(load, &measured, &sink.counts()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_load_are_read_and_anything_else_is_refused() {
        let read = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
            parse(&arguments)
        };
        assert_eq!(read(&[]).unwrap(), (5, None));
        assert_eq!(read(&["3", "span"]).unwrap(), (3, Some("span".to_owned())));
        assert!(read(&["0"]).is_err());
        assert!(read(&["spam"]).is_err());
    }
}
