//! Samples become a table in Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::requests::Signal;
use crate::{Load, Sample};

/// The medians of a signal's measurements, beside the engine's.
pub fn table(
    signal: Signal,
    loads: &[&Load],
    samples: &[Vec<Sample>],
    engine: &[Sample],
) -> String {
    let alone = (
        median(engine, speed),
        median(engine, |sample| cost(sample, sample.cpu.total())),
    );
    let mut text = format!(
        "### {}: the engine alone takes {:.0} rows/s at {:.2} s of CPU for a million rows\n\n\
         | encoding | records × clients | rows/s | of the engine's speed | CPU, s a million rows | decoding | inserting | \
         merging | the engine's CPU alone, of all | rows an insert |\n|---|{}\n",
        signal.name(),
        alone.0,
        alone.1,
        "---:|".repeat(9)
    );
    for (load, samples) in loads.iter().zip(samples) {
        let speed = median(samples, speed);
        let total = median(samples, |sample| cost(sample, sample.cpu.total()));
        let _ = writeln!(
            text,
            "| {} | {} × {} | {speed:.0} | {:.2} | {total:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            if load.gzip { "gzip" } else { "plain" },
            load.records,
            load.clients,
            speed / alone.0,
            median(samples, |sample| cost(sample, sample.cpu.decoding)),
            median(samples, |sample| cost(sample, sample.cpu.inserting)),
            median(samples, |sample| cost(sample, sample.cpu.merging)),
            alone.1 / total,
            median(samples, |sample| sample.rows as f64 / sample.inserts as f64),
        );
    }
    text
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
