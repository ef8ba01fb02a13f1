//! Samples of HTTP servers become tables in Markdown.

use std::fmt::Write as _;

use crate::bench::report::{median, shown};

/// What the runs of one variant showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    /// The turns of one variant are those of the others.
    pub(super) paced: Vec<Paced>,
    pub(super) saturated: Vec<Saturated>,
}

/// At a moderate rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced {
    pub(super) cpu_us: f64,
    /// Of 1.
    pub(super) delivered: f64,
    pub(super) p99_us: f64,
}

/// With as many requests as it can take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saturated {
    pub(super) cpu_us: f64,
    pub(super) delivered: f64,
    pub(super) requests_a_second: f64,
    pub(super) rss_mib: f64,
}

impl Samples {
    /// What it adds to the bare variant in a turn.
    fn added(&self, bare: &Samples) -> f64 {
        let turns = self.paced.iter().zip(&bare.paced);
        let added: Vec<_> = turns.map(|(one, bare)| one.cpu_us - bare.cpu_us).collect();
        median(&added, |added| *added)
    }

    fn added_saturated(&self, bare: &Samples) -> f64 {
        let cpu = |samples: &Samples| median(&samples.saturated, |sample| sample.cpu_us);
        cpu(self) - cpu(bare)
    }
}

/// The medians; what is added to the first variant, and how that compares with what the third adds.
pub(super) fn table(framework: &str, variants: &[&str], samples: &[Samples]) -> String {
    let columns = [
        "CPU a request, µs",
        "added, µs",
        "added, ratio",
        "delivered, %",
        "p99, µs",
        "saturated: requests/s",
        "CPU a request, µs",
        "added, µs",
        "added, ratio",
        "delivered, %",
        "peak memory, MiB",
    ];
    let mut text = format!(
        "\n### {framework}\n\n| | {} |\n|---|{}\n",
        columns.join(" | "),
        "---:|".repeat(columns.len())
    );
    let (Some(bare), Some(peer)) = (samples.first(), samples.get(2)) else {
        return text;
    };
    for (at, (variant, samples)) in variants.iter().zip(samples).enumerate() {
        // The bare one owes nothing, and adds nothing to itself.
        let beside = if at == 0 { f64::NAN } else { 1.0 };
        let (added, of_peer) = (samples.added(bare), peer.added(bare));
        let (more, more_of_peer) = (samples.added_saturated(bare), peer.added_saturated(bare));
        let paced = |of| median(&samples.paced, of);
        let saturated = |of| median(&samples.saturated, of);
        let cells = [
            (paced(|turn| turn.cpu_us), 1),
            (beside * added, 1),
            (beside * added / of_peer, 2),
            (beside * paced(|turn| turn.delivered * 100.0), 1),
            (paced(|turn| turn.p99_us), 0),
            (saturated(|run| run.requests_a_second), 0),
            (saturated(|run| run.cpu_us), 1),
            (beside * more, 1),
            (beside * more / more_of_peer, 2),
            (beside * saturated(|run| run.delivered * 100.0), 1),
            (saturated(|run| run.rss_mib), 1),
        ];
        let _ = write!(text, "| {variant} |");
        for (value, digits) in cells {
            let _ = write!(text, " {} |", shown(value, digits));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much in each turn, and twice that when saturated.
    fn samples(turns: &[f64]) -> Samples {
        let paced = |cpu_us: &f64| Paced {
            cpu_us: *cpu_us,
            delivered: 1.0,
            p99_us: 1_000.0,
        };
        let saturated = |cpu_us: &f64| Saturated {
            cpu_us: *cpu_us * 2.0,
            delivered: 0.5,
            requests_a_second: 30_000.0,
            rss_mib: 4.0,
        };
        Samples {
            paced: turns.iter().map(paced).collect(),
            saturated: turns.iter().map(saturated).collect(),
        }
    }

    #[test]
    fn what_is_added_is_that_of_each_turn_and_compared_with_the_third_variant() {
        let text = table(
            "axum",
            &["bare", "ours", "peer"],
            &[
                samples(&[10.0, 30.0, 20.0]),
                samples(&[15.0, 35.0, 95.0]),
                samples(&[20.0, 40.0, 30.0]),
            ],
        );
        let has = |line: &str| assert!(text.contains(line), "{text}");
        has("| bare | 20.0 | – | – | – | 1000 | 30000 | 40.0 | – | – | – | 4.0 |");
        has(
            "| ours | 35.0 | 5.0 | 0.50 | 100.0 | 1000 | 30000 | 70.0 | 30.0 | 1.50 | 50.0 | 4.0 |",
        );
        has(
            "| peer | 30.0 | 10.0 | 1.00 | 100.0 | 1000 | 30000 | 60.0 | 20.0 | 1.00 | 50.0 | 4.0 |",
        );
    }
}
