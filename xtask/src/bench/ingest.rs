//! `cargo xtask bench ingest`: how many rows a second server-mock takes into embedded `ClickHouse`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::document::Document;
use crate::{clickhouse, say};

/// Runs the command: `[ROUNDS] [WORD…]`; a measurement is made when its name, such as `logs gzip 1000x4`, holds every word.
pub(super) fn run(arguments: &[String], document: &mut Document) -> Result<()> {
    let (rounds, words) = parse(arguments);
    clickhouse::ensure()?;
    say("building server-mock and its client; the first time takes minutes");
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new("benches/target").to_owned(), PathBuf::from);
    for manifest in ["server-mock/Cargo.toml", "benches/ingest/Cargo.toml"] {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--manifest-path", manifest])
            .arg("--target-dir")
            .arg(&target)
            .status()
            .context("cannot run cargo")?;
        ensure!(
            built.success(),
            "{manifest} does not build: see cargo's error above"
        );
    }
    let programs = target.join("release");
    let measured = Command::new(programs.join("ingest"))
        .arg(programs.join("server-mock"))
        .arg(rounds.to_string())
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the benchmark")?;
    ensure!(
        measured.status.success(),
        "the benchmark failed: it has said why above"
    );
    document.put("ingest", &String::from_utf8_lossy(&measured.stdout))
}

/// The number of rounds, and the words that choose measurements.
fn parse(arguments: &[String]) -> (usize, &[String]) {
    match arguments
        .split_first()
        .map(|(first, rest)| (first.parse(), rest))
    {
        Some((Ok(rounds), words)) if rounds > 0 => (rounds, words),
        _ => (3, arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn rounds_come_first_and_words_choose() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        for (given, rounds, rest) in [
            (&[][..], 3, &[][..]),
            (&["5"], 5, &[]),
            (&["logs", "gzip"], 3, &["logs", "gzip"]),
            (&["1", "x16"], 1, &["x16"]),
        ] {
            assert_eq!(parse(&words(given)), (rounds, &words(rest)[..]));
        }
    }
}
