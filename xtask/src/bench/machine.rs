//! Where and when something was measured.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, ensure};

/// Date, processor, cores and commit, in one sentence.
pub(super) fn sentence() -> Result<String> {
    let date = output("date", &["-u", "+%Y-%m-%d"])?;
    let cores = thread::available_parallelism()?;
    Ok(format!(
        "Measured on {date} at commit {}, {cores} cores of {}.",
        commit()?,
        processor()
    ))
}

/// The commit that is checked out, short; with a `+` behind it where the sources differ from it.
pub(super) fn commit() -> Result<String> {
    let commit = output("git", &["rev-parse", "--short=10", "HEAD"])?;
    // What the measurements themselves write does not count.
    let changed = output(
        "git",
        &[
            "status",
            "--porcelain",
            "--",
            ".",
            ":!docs",
            ":!benches/instructions.tsv",
        ],
    )?;
    Ok(if changed.is_empty() {
        commit
    } else {
        commit + "+"
    })
}

fn processor() -> String {
    let read = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = read
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("an unknown processor", |(_, name)| name.trim())
        .to_owned()
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
