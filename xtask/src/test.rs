//! `cargo xtask test`: gets what the tests need, runs them all, and adds up what the test binaries say.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{clickhouse, fuzz, say, show};

/// Asks for the long form of the tests that have one: a million records, a minute of a slow endpoint. Then the model of the hand-over and
/// the fuzz targets run.
const EXTENDED: &str = "--extended";
/// For each fuzz target then.
const FUZZ_SECONDS: u32 = 30;

/// Runs the command; `arguments` go to `cargo test`, but for [`EXTENDED`].
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let started = Instant::now();
    clickhouse::ensure()?;
    say("running cargo test --workspace");
    let mut command = Command::new(env!("CARGO"));
    let is_extended = arguments.iter().any(|argument| argument == EXTENDED);
    if is_extended {
        // The tests that have a longer form look for it.
        command.env("HIGHLIGHT_EXTENDED", "1");
    }
    command.args(cargo_arguments(arguments));
    let mut cargo = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let mut total = Totals::default();
    let stdout = cargo.stdout.take().context("cargo's output is not piped")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("cannot read cargo's output")?;
        let line = String::from_utf8_lossy(&line);
        total.add(&line);
        show(&line);
    }
    let status = cargo.wait().context("cannot wait for cargo")?;
    show(&format!(
        "{} passed, {} failed in {:.0} s",
        total.passed,
        total.failed,
        started.elapsed().as_secs_f32()
    ));
    if total.failed > 0 {
        bail!("tests failed: their names and output are above");
    }
    ensure!(
        status.success(),
        "not all tests could run: see cargo's error above"
    );
    // Who asks for certain tests does not ask for these.
    if is_extended && arguments.len() == 1 {
        model()?;
        fuzz::run(&[FUZZ_SECONDS.to_string()])?;
    }
    Ok(())
}

/// Runs the model of the hand-over, which is a build of its own: its locks are those of a model checker.
fn model() -> Result<()> {
    say("running the model of the hand-over: building it takes minutes the first time");
    let status = Command::new(env!("CARGO"))
        .args(["test", "--package", "highlight", "--lib"])
        .args(["--target-dir", "target/shuttle", "handover_model"])
        .env("RUSTFLAGS", "--cfg shuttle")
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the model fails: see above");
    Ok(())
}

/// Without fail-fast, so that one failure does not hide the others.
fn cargo_arguments(more: &[String]) -> Vec<String> {
    let mut arguments = ["test", "--workspace"].map(str::to_owned).to_vec();
    if !more.iter().any(|argument| argument == "--no-fail-fast") {
        arguments.push("--no-fail-fast".to_owned());
    }
    let more = more.iter().filter(|argument| *argument != EXTENDED);
    arguments.extend(more.cloned());
    arguments
}

/// What all test binaries together say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u32,
    failed: u32,
}

impl Totals {
    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others say nothing here.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Totals, cargo_arguments};

    #[test]
    fn results_are_added_up_over_binaries() {
        let mut total = Totals::default();
        for line in [
            "running 4 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            "a test printed: test result: ok. 9 passed; 9 failed",
            "test result: ok",
        ] {
            total.add(line);
        }
        assert_eq!(
            total,
            Totals {
                passed: 4,
                failed: 2
            }
        );
    }

    #[test]
    fn arguments_go_to_cargo() {
        let given = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
            cargo_arguments(&arguments).join(" ")
        };
        assert_eq!(given(&[]), "test --workspace --no-fail-fast");
        assert_eq!(
            given(&["--release", "--", "name"]),
            "test --workspace --no-fail-fast --release -- name"
        );
        assert_eq!(
            given(&["--no-fail-fast"]),
            "test --workspace --no-fail-fast"
        );
    }
}
