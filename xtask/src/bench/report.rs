//! Samples become tables in Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::load::Load;

/// What one run showed, per record where that makes sense.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) caller_ns: f64,
    /// Process CPU for each record that arrived.
    pub(super) delivered_ns: f64,
    /// Of 1.
    pub(super) delivered: f64,
    p99_ns: f64,
    wall_ms: f64,
    rss_mib: f64,
    wire_bytes: f64,
    startup_us: f64,
    /// Of the errors that arrived; of 1.
    with_stack: f64,
}

impl Sample {
    pub(super) fn new(load: &Load, measured: &Value, counts: &Value) -> Self {
        let of = |value: &Value, key: &str| value[key].as_f64().unwrap_or_default();
        let records = of(measured, "records");
        let arrived = match load.name {
            "error" => of(counts, "errors"),
            "metric" => of(counts, "measurements"),
            "disabled" => 0.0,
            _ => of(counts, "logs") + of(counts, "spans"),
        };
        // The first record of each run is the warm-up's.
        #[expect(clippy::cast_precision_loss, reason = "one or two")]
        let items = load.items() as f64;
        let arrived = ((arrived - items) / items).max(0.0);
        Sample {
            caller_ns: of(measured, "caller_ns") / records,
            delivered_ns: of(measured, "process_ns") / arrived,
            delivered: arrived / records,
            p99_ns: of(measured, "p99_ns"),
            wall_ms: of(measured, "wall_ns") / 1e6,
            rss_mib: of(measured, "peak_rss_kib") / 1024.0,
            wire_bytes: of(counts, "bytes") / arrived,
            startup_us: of(measured, "startup_ns") / 1e3,
            with_stack: (of(counts, "stacks") / of(counts, "errors")).max(0.0),
        }
    }
}

/// One column: its heading, what it shows, and how many digits behind the point.
type Column = (&'static str, fn(&Sample) -> f64, usize);

const COLUMNS: [Column; 8] = [
    ("caller CPU, ns", |sample| sample.caller_ns, 0),
    (
        "process CPU a delivered record, ns",
        |sample| sample.delivered_ns,
        0,
    ),
    ("delivered, %", |sample| sample.delivered * 100.0, 1),
    ("p99 of a call, ns", |sample| sample.p99_ns, 0),
    ("wall to the last, ms", |sample| sample.wall_ms, 0),
    ("peak memory, MiB", |sample| sample.rss_mib, 1),
    ("wire, bytes a record", |sample| sample.wire_bytes, 1),
    ("start, µs", |sample| sample.startup_us, 0),
];

/// Of a load of errors alone.
const WITH_STACK: Column = ("with their stack, %", |sample| sample.with_stack * 100.0, 0);

/// The medians of a load, and the two ratios that matter to the second peer.
pub(super) fn table(load: &Load, peers: &[&str], samples: &[Vec<Sample>]) -> String {
    let mut text = format!("\n### {}\n\n| |", load.title());
    let further = (load.name == "error").then_some(WITH_STACK);
    let columns: Vec<_> = COLUMNS.into_iter().chain(further).collect();
    for (heading, ..) in &columns {
        let _ = write!(text, " {heading} |");
    }
    let _ = writeln!(text, " caller, ratio | process, ratio |");
    let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len() + 2));
    let base = samples.get(1).map(Vec::as_slice).unwrap_or_default();
    for (peer, samples) in peers.iter().zip(samples) {
        let _ = write!(text, "| {peer} |");
        for (_, of, digits) in &columns {
            let _ = write!(text, " {} |", shown(median(samples, *of), *digits));
        }
        for of in [COLUMNS[0].1, COLUMNS[1].1] {
            let ratio = median(samples, of) / median(base, of);
            let _ = write!(text, " {} |", shown(ratio, 2));
        }
        text.push('\n');
    }
    text
}

pub(super) fn shown(value: f64, digits: usize) -> String {
    if value.is_finite() {
        format!("{value:.digits$}")
    } else {
        "–".to_owned()
    }
}

pub(super) fn median<S>(samples: &[S], of: fn(&S) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What each peer brings into a service: the size of its binary, stripped of nothing, and the crates it is built of.
pub(super) fn sizes(peers: &[&str], binaries: &Path) -> Result<String> {
    let mut text = "\n### Size\n\n| | binary, MiB | crates |\n|---|---:|---:|\n".to_owned();
    // The same program, but for a setting.
    for peer in peers.iter().filter(|peer| !peer.ends_with("-stack")) {
        let binary = fs::metadata(binaries.join(format!("peer-{peer}")))?;
        let mut tree = Command::new(env!("CARGO"));
        match peer.split_once('-') {
            Some((package, feature)) => tree
                .args(["tree", "--package", &format!("peer-{package}")])
                .args(["--no-default-features", "--features", feature]),
            None => tree.args(["tree", "--package", &format!("peer-{peer}")]),
        };
        let tree = tree
            .args(["--edges", "normal", "--prefix", "none", "--no-dedupe"])
            .current_dir("benches")
            .output()
            .context("cannot run cargo tree")?;
        let tree = String::from_utf8_lossy(&tree.stdout);
        let mut crates: Vec<_> = tree.lines().collect();
        crates.sort_unstable();
        crates.dedup();
        let mib = binary.len() / 1024 / 1024;
        let _ = writeln!(text, "| {peer} | {mib} | {} |", crates.len());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(caller_ns: f64) -> Sample {
        Sample {
            caller_ns,
            ..Sample::default()
        }
    }

    #[test]
    fn medians_and_ratios_are_shown_a_peer_a_line() {
        let load = Load::burst("log", 1, 10);
        let samples = [
            vec![sample(1.0), sample(300.0), sample(2.0)],
            vec![sample(8.0), sample(8.0), sample(9.0)],
        ];
        let text = table(&load, &["a", "b"], &samples);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("| a") || line.starts_with("| b"))
            .collect();
        assert!(
            lines[0].starts_with("| a | 2 |") && lines[0].ends_with("| 0.25 | – |"),
            "{text}"
        );
        assert!(lines[1].ends_with("| 1.00 | – |"), "{text}");
    }

    #[test]
    fn the_warm_up_s_record_is_not_counted() {
        let load = Load::burst("span+log", 1, 10);
        let measured = serde_json::json!({"records": 10, "process_ns": 1_000});
        let counts = serde_json::json!({"logs": 11, "spans": 11, "bytes": 50});
        let sample = Sample::new(&load, &measured, &counts);
        assert!((sample.delivered - 1.0).abs() < f64::EPSILON);
        assert!((sample.delivered_ns - 100.0).abs() < f64::EPSILON);
    }
}
