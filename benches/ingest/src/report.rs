//! Samples become a table in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::requests::Signal;
use crate::{Engine, Load, Measured, Sample};

/// The medians of a signal's measurements, beside the engine's.
pub fn table(signal: Signal, loads: &[&Load], measured: &[Measured], engine: &Engine) -> String {
    let best = median(&engine.best, speed);
    let mut text = format!(
        "### {}: the engine alone takes {best:.0} rows/s at {:.2} s of CPU for a million rows; with its own settings {:.0} and {:.2}\n\n\
         | encoding | records × clients | rows/s | rows an insert | of the engine's speed | of its speed with as many rows an insert | \
         CPU, s a million rows | decoding | inserting | merging | the engine's CPU with as many rows an insert, of all |\n|---|{}\n",
        signal.name(),
        median(&engine.best, total),
        median(&engine.default, speed),
        median(&engine.default, total),
        "---:|".repeat(10)
    );
    for (load, Measured { server, alike }) in loads.iter().zip(measured) {
        let speed_here = median(server, speed);
        let all = median(server, total);
        let _ = writeln!(
            text,
            "| {} | {} × {} | {speed_here:.0} | {:.0} | {:.2} | {:.2} | {all:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            if load.gzip { "gzip" } else { "plain" },
            load.records,
            load.clients,
            median(server, |sample| sample.rows as f64 / sample.inserts as f64),
            speed_here / best,
            speed_here / median(alike, speed),
            median(server, |sample| cost(sample, sample.cpu.decoding)),
            median(server, |sample| cost(sample, sample.cpu.inserting)),
            median(server, |sample| cost(sample, sample.cpu.merging)),
            median(alike, total) / all,
        );
    }
    text
}

/// All its CPU time, in microseconds a row.
fn total(sample: &Sample) -> f64 {
    cost(sample, sample.cpu.total())
}

/// Rows a second.
fn speed(sample: &Sample) -> f64 {
    sample.rows as f64 / sample.wall.as_secs_f64()
}

/// Microseconds a row, which is seconds for a million rows.
fn cost(sample: &Sample, cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e6 / sample.rows as f64
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
