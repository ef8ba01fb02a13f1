//! The loads, and one run of one peer under one of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::bounded;
use super::report::Sample;
use super::sink::Sink;
use crate::say;

/// What is measured.
pub(super) const LOADS: [Load; 17] = [
    Load::burst("log", 1, 50_000),
    Load::burst("log", 4, 50_000),
    Load::burst("span", 1, 50_000),
    Load::burst("span", 4, 50_000),
    Load::burst("span+log", 1, 50_000),
    Load::burst("span+log", 4, 50_000),
    Load::burst("error", 1, 50_000),
    Load::burst("error", 4, 50_000),
    // So few fit into most queues.
    Load::burst("error", 1, 2_000),
    Load::burst("metric", 1, 50_000),
    Load::burst("metric", 4, 50_000),
    Load::burst("disabled", 1, 1_000_000),
    Load::paced("log", 20_000, 20_000, 64),
    // What every peer can hold: sentry sends each span and each error in a request of its own, and queues 30 of them.
    Load::paced("span", 3_000, 1_000, 8),
    Load::paced("span+log", 3_000, 1_000, 8),
    Load::paced("error", 450, 150, 8),
    Load::paced("metric", 20_000, 20_000, 64),
];

/// No run is as long as that: the longest take half a minute.
const LIMIT: Duration = Duration::from_mins(5);
/// Runs that a peer may hang in before that is an error.
const RUNS: u32 = 3;

/// So many records, of threads that make them as fast as they can, or at a pace: a group, and a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) threads: u32,
    pub(super) records: u32,
    /// Records a second, all threads together; 0 for a burst.
    pub(super) pace: u32,
    pub(super) group: u32,
}

impl Load {
    pub(super) const fn burst(name: &'static str, threads: u32, records: u32) -> Self {
        Load {
            name,
            threads,
            records,
            pace: 0,
            group: 1,
        }
    }

    pub(super) const fn paced(name: &'static str, records: u32, pace: u32, group: u32) -> Self {
        Load {
            name,
            threads: 1,
            records,
            pace,
            group,
        }
    }

    pub(super) fn title(&self) -> String {
        let Load { name, records, .. } = self;
        let threads = match self.threads {
            1 => "1 thread".to_owned(),
            many => format!("{many} threads"),
        };
        match self.pace {
            0 => format!("{name}: burst of {records} records, {threads}"),
            pace => format!(
                "{name}: {records} records at {pace} a second in groups of {}, {threads}",
                self.group
            ),
        }
    }

    /// Those of the peers that can do this load, and differ under it.
    pub(super) fn of<'a>(&self, peers: &[&'a str]) -> Vec<&'a str> {
        peers
            .iter()
            .copied()
            .filter(|peer| self.suits(peer))
            .collect()
    }

    fn suits(&self, peer: &str) -> bool {
        // The older crate has no metrics, and no level that it doesn't send.
        let older = !matches!(self.name, "metric" | "disabled");
        match peer {
            // The place of a call stands on log records alone.
            "opentelemetry-place" => self.name.contains("log"),
            // And a stack on errors.
            "sentry-stack" => self.name == "error",
            // At a pace it is busy with what its own sending logs, for tens of seconds after the load: once is enough.
            "highlightio" => older && (self.pace == 0 || self.name == "log"),
            "highlightio-tokio" => older,
            _ => true,
        }
    }

    /// How many telemetry items one record of the load is.
    pub(super) fn items(&self) -> u64 {
        match self.name {
            "span+log" | "metric" => 2,
            _ => 1,
        }
    }

    /// From one record of a thread to its next.
    fn pause_ns(&self) -> u64 {
        let each = u64::from(self.pace / self.threads);
        1_000_000_000_u64.checked_div(each).unwrap_or(0)
    }

    /// One run of one peer. One that hangs, which ours never does, gets another one.
    pub(super) fn run(&self, binaries: &Path, peer: &str) -> Result<Sample> {
        let runs = if peer == "ours" { 1 } else { RUNS };
        for _ in 0..runs {
            if let Some(sample) = self.run_once(binaries, peer)? {
                return Ok(sample);
            }
            say(&format!("{peer} did not end within {} s", LIMIT.as_secs()));
        }
        bail!("{peer} hung: {}", self.title())
    }

    /// One run, to a sink of its own. None where it hung.
    fn run_once(&self, binaries: &Path, peer: &str) -> Result<Option<Sample>> {
        let sink = Sink::start(&binaries.join("sink"))?;
        let program = binaries.join(format!("peer-{peer}"));
        let mut command = Command::new(&program);
        command.args(self.arguments(&sink)).env_remove("RUST_LOG");
        let output = bounded::output(&mut command, LIMIT)
            .with_context(|| format!("cannot run {}", program.display()))?;
        let Some(output) = output else {
            return Ok(None);
        };
        ensure!(
            output.status.success(),
            "{peer} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let measured = String::from_utf8_lossy(&output.stdout);
        let line = measured.lines().last().unwrap_or_default();
        let measured: Value = serde_json::from_str(line)
            .with_context(|| format!("{peer} printed no measurement: {line:?}"))?;
        let counts = sink.counts()?;
        if let Some(others @ 1..) = counts["others"].as_u64() {
            say(&format!(
                "{peer} sent {others} log records about its own sending too, all in {} requests",
                counts["requests"]
            ));
        }
        Ok(Some(Sample::new(self, &measured, &counts)))
    }

    /// What a peer's command line is.
    pub(super) fn arguments(&self, sink: &Sink) -> [String; 6] {
        [
            self.name.to_owned(),
            self.threads.to_string(),
            self.records.to_string(),
            self.pause_ns().to_string(),
            self.group.to_string(),
            format!("http://{}", sink.address()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_differs_in_its_logs_is_left_out_elsewhere() {
        let peers = ["ours", "opentelemetry-place", "sentry-stack"];
        assert_eq!(Load::burst("span+log", 1, 1).of(&peers), peers[..2]);
        assert_eq!(Load::burst("span", 1, 1).of(&peers), ["ours"]);
        assert_eq!(
            Load::burst("error", 1, 1).of(&peers),
            ["ours", "sentry-stack"]
        );
    }

    #[test]
    fn a_peer_is_left_out_of_what_it_cannot_do() {
        let peers = ["highlightio", "highlightio-tokio"];
        assert_eq!(Load::burst("error", 1, 1).of(&peers), peers);
        assert_eq!(
            Load::paced("error", 1, 1, 1).of(&peers),
            ["highlightio-tokio"]
        );
        assert!(Load::burst("metric", 1, 1).of(&peers).is_empty());
    }

    #[test]
    fn the_pace_is_that_of_all_threads_together() {
        let load = Load {
            threads: 4,
            ..Load::paced("log", 100, 1_000, 8)
        };
        assert_eq!(load.pause_ns(), 4_000_000);
        assert_eq!(Load::burst("log", 4, 100).pause_ns(), 0);
    }
}
