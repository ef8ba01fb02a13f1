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
use table::{Paced, Samples, Saturated};

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
/// The variants take turns of two seconds: what else the machine does meanwhile concerns neighbours alike.
const TURN: u32 = 4_000;
const TURNS: usize = 6;
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
        let mut samples = vec![Samples::default(); VARIANTS.len()];
        for round in 1..=rounds {
            say(&format!("{framework}, round {round} of {rounds}"));
            measure(&binaries, &oha, framework, &mut samples)?;
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

/// One round: all variants warmed up, then by turns under a moderate rate, then each under as many requests as it can take.
fn measure(binaries: &Path, oha: &Oha, framework: &str, samples: &mut [Samples]) -> Result<()> {
    let start = |variant: &&str| Service::start(binaries, oha, &format!("{framework}-{variant}"));
    let mut services = VARIANTS.iter().map(start).collect::<Result<Vec<_>>>()?;
    for turn in 0..TURNS {
        for at in 0..VARIANTS.len() {
            // There and back, so that none always follows the one that the machine has most to do with.
            let variant = match turn % 2 {
                0 => at,
                _ => VARIANTS.len() - 1 - at,
            };
            let seen = services[variant].load(oha, TURN, Some(RATE))?;
            samples[variant].paced.push(Paced {
                cpu_us: seen.cpu_us,
                delivered: seen.delivered,
                p99_us: seen.by_oha.p99_us,
            });
        }
    }
    for (service, samples) in services.iter_mut().zip(samples) {
        let seen = service.load(oha, SATURATING, None)?;
        samples.saturated.push(Saturated {
            cpu_us: seen.cpu_us,
            delivered: seen.delivered,
            requests_a_second: seen.by_oha.requests_a_second,
            rss_mib: seen.rss_mib,
        });
    }
    Ok(())
}

/// A server, and what it sends to.
struct Service {
    server: Server,
    sink: Sink,
}

/// What a load showed.
struct Seen {
    /// Of the whole process, for a request.
    cpu_us: f64,
    delivered: f64,
    rss_mib: f64,
    by_oha: oha::Seen,
}

impl Service {
    /// Warmed up.
    fn start(binaries: &Path, oha: &Oha, name: &str) -> Result<Self> {
        let sink = Sink::start(&binaries.join("sink"))?;
        let endpoint = format!("http://{}", sink.address());
        let server = Server::start(&binaries.join(format!("http-{name}")), &endpoint)?;
        oha.run(server.address(), WARM_UP, None)?;
        Ok(Service { server, sink })
    }

    fn load(&mut self, oha: &Oha, requests: u32, rate: Option<u32>) -> Result<Seen> {
        let (before, had) = (self.server.clock()?, self.arrived()?);
        let by_oha = oha.run(self.server.address(), requests, rate)?;
        let after = self.server.clock()?;
        // A server span and a log record for each request.
        let owed = f64::from(requests * 2);
        Ok(Seen {
            cpu_us: (after.process_ns - before.process_ns) / 1e3 / f64::from(requests),
            delivered: (self.arrived()? - had) / owed,
            rss_mib: after.rss_mib,
            by_oha,
        })
    }

    fn arrived(&self) -> Result<f64> {
        let counts = self.sink.counts()?;
        let of = |key: &str| counts[key].as_f64().unwrap_or_default();
        Ok(of("spans") + of("logs"))
    }
}
