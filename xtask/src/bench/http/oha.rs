//! The load generator: <https://crates.io/crates/oha>, built into the benches' target folder.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::bench::build::target;
use crate::say;

const VERSION: &str = "1.16.0";
const CONNECTIONS: &str = "16";

/// The installed program.
#[derive(Debug)]
pub(super) struct Oha(PathBuf);

/// What it saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) requests_a_second: f64,
    pub(super) p99_us: f64,
}

impl Oha {
    /// Builds it where it is not there yet.
    pub(super) fn ensure() -> Result<Self> {
        let root = target()?.join("tools");
        let program = root.join("bin/oha");
        if !program.exists() {
            say("building the load generator oha; once, and it takes minutes");
            let installed = Command::new(env!("CARGO"))
                .args(["install", "oha", "--locked", "--version", VERSION, "--root"])
                .arg(&root)
                .status()
                .context("cannot run cargo")?;
            ensure!(
                installed.success(),
                "oha does not build: see cargo's error above"
            );
        }
        Ok(Oha(program))
    }

    /// Sends so many requests over connections that are kept, at a rate a second or as fast as they are answered.
    pub(super) fn run(&self, address: &str, requests: u32, rate: Option<u32>) -> Result<Seen> {
        let mut command = Command::new(&self.0);
        command.args(["--no-tui", "--output-format", "json", "-c", CONNECTIONS]);
        command.args(["-n", &requests.to_string()]);
        if let Some(rate) = rate {
            command.args(["-q", &rate.to_string()]);
        }
        let output = command
            .arg(format!("http://{address}/orders/17"))
            .stdin(Stdio::null())
            .output()
            .context("cannot run oha")?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "oha reports no JSON: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let answered = report["statusCodeDistribution"]["200"].as_u64();
        ensure!(
            answered == Some(u64::from(requests)),
            "of {requests} requests only {answered:?} were answered with 200"
        );
        let number = |value: &Value| value.as_f64().context("oha's report lacks a number");
        Ok(Seen {
            requests_a_second: number(&report["summary"]["requestsPerSec"])?,
            p99_us: number(&report["latencyPercentiles"]["p99"])? * 1e6,
        })
    }
}
