//! `cargo xtask bench [ROUNDS] [LOAD]`: the same work through every SDK, in one run, as medians.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::build::{Package, build};
use super::document::Document;
use super::load::{LOADS, Load};
use super::report::{self, Sample};
use crate::say;

/// Ours first; the second is what the others are compared with.
const PEERS: [&str; 8] = [
    "ours",
    "opentelemetry",
    "opentelemetry-place",
    "sentry",
    "sentry-stack",
    "logfire",
    "highlightio",
    "highlightio-tokio",
];

const PACKAGES: [Package; 6] = [
    ("sink", &[]),
    ("peer-ours", &[]),
    ("peer-sentry", &[]),
    ("peer-logfire", &[]),
    // The plain one last: with the feature, both of its programs are built with it.
    ("peer-opentelemetry", &["place"]),
    ("peer-opentelemetry", &[]),
];

/// The older crate depends on OpenSSL, which is built with it and may be what a machine cannot do: the others are compared all the same.
const OPTIONAL: [(&str, Package); 2] = [
    ("highlightio", ("peer-highlightio", &["sync"])),
    ("highlightio-tokio", ("peer-highlightio", &["tokio"])),
];

pub(super) fn run(arguments: &[String], document: &mut Document) -> Result<()> {
    let (rounds, only) = parse(arguments)?;
    ensure!(
        only.is_none() || !document.write,
        "--write replaces all loads, so it measures all"
    );
    let binaries = build(&PACKAGES)?;
    let everybody = present();
    let mut tables = String::new();
    for load in LOADS
        .iter()
        .filter(|load| only.as_ref().is_none_or(|only| only == load.name))
    {
        let peers = load.of(&everybody);
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); peers.len()];
        for round in 1..=rounds {
            say(&format!("{}, round {round} of {rounds}", load.title()));
            measure(load, &binaries, &peers, &mut samples)?;
        }
        let table = report::table(load, &peers, &samples);
        say(&table);
        tables.push_str(&table);
    }
    tables.push_str(&report::sizes(&everybody, &binaries)?);
    document.put("compare", &tables)
}

/// Time that a peer gets in a round, at least: most loads are done many times in it.
const ENOUGH: Duration = Duration::from_secs(1);

/// One round. The peers take turns, so that what else the machine does concerns all alike.
fn measure(
    load: &Load,
    binaries: &Path,
    peers: &[&str],
    samples: &mut [Vec<Sample>],
) -> Result<()> {
    let mut spent = vec![Duration::ZERO; peers.len()];
    while spent.iter().any(|spent| *spent < ENOUGH) {
        for ((peer, spent), samples) in peers.iter().zip(&mut spent).zip(&mut *samples) {
            if *spent < ENOUGH {
                let began = Instant::now();
                samples.push(load.run(binaries, peer)?);
                *spent += began.elapsed();
            }
        }
    }
    Ok(())
}

/// The peers, without those of the optional ones that do not build here.
fn present() -> Vec<&'static str> {
    let mut peers = PEERS.to_vec();
    for (peer, package) in OPTIONAL {
        if let Err(error) = build(&[package]) {
            say(&format!(
                "{peer} is left out: {error:#}. OpenSSL is built with it, which needs perl, make and a C compiler; \
                 where its headers are installed (libssl-dev), OPENSSL_NO_VENDOR=1 takes those instead"
            ));
            peers.retain(|present| *present != peer);
        }
    }
    peers
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
                "{argument:?} is neither a number of rounds nor one of the loads log, span, span+log, error, metric, disabled"
            );
        }
    }
    ensure!(rounds > 0, "give at least one round");
    Ok((rounds, only))
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
