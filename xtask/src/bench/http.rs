//! `cargo xtask bench http [ROUNDS] [FRAMEWORK]`: what a request to axum or actix-web costs the service, with and without middleware.

mod oha;
mod server;
mod table;

use std::path::Path;

use anyhow::{Result, bail, ensure};

use super::build::{Package, build};
use super::document::Document;
use super::sink::Sink;
use crate::say;
use oha::Oha;
use server::Server;
use table::Sample;

const FRAMEWORKS: [&str; 2] = ["axum", "actix"];
/// The bare one first, ours second.
const VARIANTS: [&str; 4] = ["bare", "ours", "opentelemetry", "sentry"];

/// The bare programs last: they are built again with each feature.
const PACKAGES: [Package; 9] = [
    ("sink", &[]),
    ("http-axum", &["ours"]),
    ("http-axum", &["opentelemetry"]),
    ("http-axum", &["sentry"]),
    ("http-axum", &[]),
    ("http-actix", &["ours"]),
    ("http-actix", &["opentelemetry"]),
    ("http-actix", &["sentry"]),
    ("http-actix", &[]),
];

/// A rate that leaves both cores idle at times, so that the processor time of a request is not that of a crowd.
const RATE: u32 = 2_000;
const REQUESTS: u32 = 20_000;
const WARM_UP: u32 = 2_000;
const SATURATING: u32 = 60_000;

pub(super) fn run(arguments: &[String], document: &mut Document) -> Result<()> {
    let (rounds, only) = parse(arguments)?;
    ensure!(
        only.is_none() || !document.write,
        "--write replaces both frameworks, so it measures both"
    );
    let oha = Oha::ensure()?;
    let binaries = build(&PACKAGES)?;
    let mut tables = String::new();
    let wanted = |framework: &&str| only.as_deref().is_none_or(|only| only == *framework);
    for framework in FRAMEWORKS.into_iter().filter(wanted) {
        let mut samples = vec![Vec::new(); VARIANTS.len()];
        for round in 1..=rounds {
            say(&format!("{framework}, round {round} of {rounds}"));
            for (variant, samples) in VARIANTS.iter().zip(&mut samples) {
                samples.push(measure(&binaries, &oha, &format!("{framework}-{variant}"))?);
            }
        }
        tables.push_str(&table::table(framework, &VARIANTS, &samples));
    }
    document.put("http", &tables)
}

fn parse(arguments: &[String]) -> Result<(usize, Option<String>)> {
    let mut rounds = 5;
    let mut only = None;
    for argument in arguments {
        if let Ok(number) = argument.parse() {
            rounds = number;
        } else if FRAMEWORKS.contains(&argument.as_str()) {
            only = Some(argument.clone());
        } else {
            bail!("{argument:?} is neither a number of rounds nor axum or actix");
        }
    }
    ensure!(rounds > 0, "give at least one round");
    Ok((rounds, only))
}

/// One server: warmed up, then under a moderate rate, then under as many requests as it can take.
fn measure(binaries: &Path, oha: &Oha, name: &str) -> Result<Sample> {
    let sink = Sink::start(&binaries.join("sink"))?;
    let endpoint = format!("http://{}", sink.address());
    let mut server = Server::start(&binaries.join(format!("http-{name}")), &endpoint)?;
    let arrived = || -> Result<f64> {
        let counts = sink.counts()?;
        let of = |key: &str| counts[key].as_f64().unwrap_or_default();
        Ok(of("spans") + of("logs"))
    };
    oha.run(server.address(), WARM_UP, None)?;
    let (before, had) = (server.clock()?, arrived()?);
    let paced = oha.run(server.address(), REQUESTS, Some(RATE))?;
    let (after, has) = (server.clock()?, arrived()?);
    let saturated = oha.run(server.address(), SATURATING, None)?;
    let end = server.clock()?;
    // A server span and a log record for each request.
    let share = |arrived: f64, requests: u32| arrived / f64::from(requests * 2);
    Ok(Sample {
        cpu_us: (after.process_ns - before.process_ns) / 1e3 / f64::from(REQUESTS),
        delivered: share(has - had, REQUESTS),
        p99_us: paced.p99_us,
        requests_a_second: saturated.requests_a_second,
        saturated_cpu_us: (end.process_ns - after.process_ns) / 1e3 / f64::from(SATURATING),
        saturated_delivered: share(arrived()? - has, SATURATING),
        rss_mib: end.rss_mib,
    })
}
