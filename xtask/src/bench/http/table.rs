//! Samples of HTTP servers become tables in Markdown.

use std::fmt::Write as _;

use crate::bench::report::{median, shown};

/// What one run of one server showed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) cpu_us: f64,
    /// Of 1.
    pub(super) delivered: f64,
    pub(super) p99_us: f64,
    pub(super) requests_a_second: f64,
    pub(super) saturated_cpu_us: f64,
    pub(super) saturated_delivered: f64,
    pub(super) rss_mib: f64,
}

/// The medians; what is added to the first variant, and how that compares with what the third adds.
pub(super) fn table(framework: &str, variants: &[&str], samples: &[Vec<Sample>]) -> String {
    let mut text = format!(
        "\n### {framework}\n\n\
        | | CPU a request, µs | added, µs | added, ratio | delivered, % | p99, µs | saturated: requests/s | CPU a request, µs | delivered, % | peak memory, MiB |\n\
        |---|{}\n",
        "---:|".repeat(9)
    );
    let cpu = |samples: &[Sample]| median(samples, |sample| sample.cpu_us);
    let of = |at: usize| cpu(samples.get(at).map(Vec::as_slice).unwrap_or_default());
    let bare = of(0);
    let peer = of(2) - bare;
    for (at, (variant, samples)) in variants.iter().zip(samples).enumerate() {
        let added = cpu(samples) - bare;
        let (added, ratio, delivers) = match at {
            0 => (f64::NAN, f64::NAN, f64::NAN),
            _ => (added, added / peer, 1.0),
        };
        let cells = [
            (cpu(samples), 1),
            (added, 1),
            (ratio, 2),
            (
                delivers * median(samples, |sample| sample.delivered * 100.0),
                1,
            ),
            (median(samples, |sample| sample.p99_us), 0),
            (median(samples, |sample| sample.requests_a_second), 0),
            (median(samples, |sample| sample.saturated_cpu_us), 1),
            (
                delivers * median(samples, |sample| sample.saturated_delivered * 100.0),
                1,
            ),
            (median(samples, |sample| sample.rss_mib), 1),
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

    #[test]
    fn what_is_added_is_compared_with_the_third_variant() {
        let of = |cpu_us: f64| {
            vec![Sample {
                cpu_us,
                delivered: 1.0,
                ..Sample::default()
            }]
        };
        let text = table(
            "axum",
            &["bare", "ours", "peer"],
            &[of(10.0), of(15.0), of(20.0)],
        );
        assert!(text.contains("| bare | 10.0 | – | – | – |"), "{text}");
        assert!(
            text.contains("| ours | 15.0 | 5.0 | 0.50 | 100.0 |"),
            "{text}"
        );
        assert!(text.contains("| peer | 20.0 | 10.0 | 1.00 |"), "{text}");
    }
}
