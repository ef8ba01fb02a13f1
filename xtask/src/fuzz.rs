//! `cargo xtask fuzz`: lets libFuzzer look for input that breaks what reads the bytes of others.
//!
//! The targets are in `fuzz/`, as cargo-fuzz expects them. It is not needed: the compiler is told here to count what was reached,
//! which the stable one can do too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{say, show};

/// For each target, when nothing else is asked for.
const SECONDS: u32 = 60;
/// The longest input, in bytes: room for several records.
const LONGEST: &str = "4096";
/// What an input may take, in seconds and megabytes, before it counts as a finding.
const TIMEOUT: &str = "10";
const MEMORY: &str = "2048";

/// What cargo-fuzz passes to the compiler without a sanitizer.
const FLAGS: [&str; 7] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Runs the command: `[SECONDS] [TARGET]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let folder = Path::new("fuzz");
    ensure!(
        folder.join("Cargo.toml").exists(),
        "run `cargo xtask fuzz` in the workspace's folder"
    );
    let targets = targets(folder)?;
    let (seconds, only) = parse(arguments, &targets)?;
    let binaries = build(folder)?;
    let chosen = targets
        .iter()
        .filter(|target| only.as_ref().is_none_or(|only| only == *target));
    let mut found = Vec::new();
    for target in chosen {
        say(&format!("fuzzing {target} for {seconds} s"));
        let started = Instant::now();
        match fuzz(folder, &binaries, target, seconds)? {
            None => found.push(target.as_str()),
            Some(done) => show(&format!(
                "{target}: nothing found in {:.0} s, {done}",
                started.elapsed().as_secs_f32()
            )),
        }
    }
    ensure!(
        found.is_empty(),
        "found input that breaks {}: it is in fuzz/artifacts, and what broke is told above; \
         give the file to the target's program again with `fuzz/target/{}/release/TARGET FILE`",
        found.join(", "),
        host()?
    );
    Ok(())
}

/// The names of all targets.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("fuzz_targets")).context("cannot list the targets")?;
    let mut names = Vec::new();
    for file in files {
        let path = file.context("cannot list the targets")?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn parse(arguments: &[String], targets: &[String]) -> Result<(u32, Option<String>)> {
    let mut seconds = SECONDS;
    let mut only = None;
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            seconds = number;
        } else if targets.contains(argument) {
            only = Some(argument.clone());
        } else {
            bail!(
                "{argument:?} is neither a number of seconds nor one of the targets {}",
                targets.join(", ")
            );
        }
    }
    ensure!(seconds > 0, "give each target at least one second");
    Ok((seconds, only))
}

/// Builds all targets, and says where they are.
fn build(folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    say(
        "building the fuzz targets with libFuzzer; the first time takes minutes, and needs a C++ compiler",
    );
    // With a target named, the flags do not reach build scripts and macros.
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", &host])
        .args(["--target-dir", "target"])
        .current_dir(folder)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .status()
        .context("cannot run cargo")?;
    ensure!(
        built.success(),
        "the fuzz targets do not build: see cargo's error above; when it is about c++, install one, \
         such as Debian's package g++"
    );
    Ok(folder.join("target").join(host).join("release"))
}

/// The target that this machine's compiler builds for by itself.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV does not name its host")?.to_owned())
}

/// Runs one target: what it has done, or nothing when it has found something, which it has told then.
fn fuzz(folder: &Path, binaries: &Path, target: &str, seconds: u32) -> Result<Option<String>> {
    // What is found goes into the first folder; what is committed is only read.
    let found = folder.join("target/corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let output = Command::new(binaries.join(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-verbosity=1"])
        .args([&found, &folder.join("corpus").join(target)])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run the target {target}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(Some(summary(&told)));
    }
    say(&told);
    Ok(None)
}

/// What libFuzzer says at its end: how much it tried, and how much of the program it reached.
fn summary(told: &str) -> String {
    let tried = told
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let reached = told.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once(" cov: ")?;
        rest.split(' ').next()
    });
    format!(
        "{} inputs tried, {} edges reached",
        tried.map_or("?", str::trim),
        reached.unwrap_or("?")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_target_are_read_and_anything_else_is_refused() {
        let targets = ["cookies".to_owned(), "split".to_owned()];
        let read = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
            parse(&arguments, &targets)
        };
        assert_eq!(read(&[]).unwrap(), (SECONDS, None));
        let chosen = Some("split".to_owned());
        assert_eq!(read(&["5", "split"]).unwrap(), (5, chosen.clone()));
        assert_eq!(read(&["split", "5"]).unwrap(), (5, chosen));
        assert!(read(&["0"]).is_err());
        assert!(
            read(&["spilt"])
                .unwrap_err()
                .to_string()
                .contains("cookies, split")
        );
    }

    #[test]
    fn a_run_is_summed_up_from_what_libfuzzer_says() {
        let told = "#2\tINITED cov: 7 ft: 8 corp: 1/1b\n#9\tNEW    cov: 12 ft: 14 corp: 2/5b\n\
            Done 9 runs in 1 second(s)\nstat::number_of_executed_units: 9\nstat::new_units_added: 1\n";
        assert_eq!(summary(told), "9 inputs tried, 12 edges reached");
        assert_eq!(summary(""), "? inputs tried, ? edges reached");
    }
}
