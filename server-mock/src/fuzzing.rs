//! What reads requests that others wrote, and what must hold of it whatever they are: the bodies of the fuzz targets.
//!
//! `cargo xtask fuzz` drives them through libFuzzer, with `--cfg fuzzing`; the unit test below replays the inputs that are kept in
//! `fuzz/corpus`.

mod bounds;
mod drains;

use std::io::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::body::decompress;
use crate::extract::{Arrival, Extracted, RowIds};
use crate::rows::{Attributes, Rows};
use crate::signal::Signal;
use crate::store::Tables;

pub use drains::drains;

/// Any moment will do; this one is in 2027.
const NOW: i64 = 1_800_000_000_000_000_000;
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60 * 1_000_000_000;
/// The longest attribute, with the mark of a cut.
const LONGEST: usize = 65_536 + "...".len();

/// A body sent to `/v1/logs`: every record is a row, or is rejected and counted.
pub fn otlp_logs(data: &[u8]) {
    extracted::<ExportLogsServiceRequest>(data, |extracted, records| {
        let rows = kept(extracted);
        assert_eq!(rows.logs.len() + rejected(extracted), records);
        assert!(rows.errors.len() <= rows.logs.len());
        assert!(rows.spans.is_empty() && rows.metrics.is_empty());
    });
}

/// A body sent to `/v1/traces`.
pub fn otlp_traces(data: &[u8]) {
    extracted::<ExportTraceServiceRequest>(data, |extracted, records| {
        let rows = kept(extracted);
        // Those that only carry events make no row.
        assert!(rows.spans.len() + rejected(extracted) <= records);
        for span in &rows.spans {
            assert!(is_id(&span.span_id, 16), "{:?}", span.span_id);
            assert!(span.duration_ns >= 0, "{}", span.duration_ns);
            assert_ne!(span.name, "highlight.log");
        }
    });
}

/// A body sent to `/v1/metrics`.
pub fn otlp_metrics(data: &[u8]) {
    extracted::<ExportMetricsServiceRequest>(data, |extracted, records| {
        let rows = kept(extracted);
        // A point without a value makes no row.
        assert!(rows.metrics.len() + rejected(extracted) <= records);
        assert!(rows.logs.is_empty() && rows.spans.is_empty() && rows.errors.is_empty());
    });
}

/// Reads a body as it is and as what a gzip body holds, and turns it into rows.
fn extracted<S: Signal + std::fmt::Debug>(data: &[u8], check: impl Fn(&Extracted, usize)) {
    let mut gzip = HeaderMap::new();
    gzip.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let as_sent = Bytes::copy_from_slice(data);
    // Whatever it is: a refusal or something to decode.
    let _ = decompress(&gzip, as_sent.clone());
    let unpacked = decompress(&gzip, packed(data));
    assert_eq!(unpacked.as_ref(), Ok(&as_sent), "gzip lost something");
    taken::<S>(data, &check);
    // What the reference reads, it also writes, and that is taken.
    if let Ok(message) = S::decode(as_sent) {
        let again = message.encode_to_vec();
        assert!(taken::<S>(&again, &check), "{message:?}");
    }
}

/// Turns a request into rows, and checks them; false when it is refused.
fn taken<S: Signal>(request: &[u8], check: &impl Fn(&Extracted, usize)) -> bool {
    for project in [None, Some("1"), Some("no project")] {
        let arrival = Arrival::new(NOW, project);
        let (tables, rows) = (Some(Tables::default()), Some(Rows::default()));
        let mut extracted = Extracted::new(RowIds::random(), tables, rows);
        if S::extract(request, &arrival, &mut extracted).is_err() {
            return false;
        }
        check(&extracted, extracted.records);
        check_rows(kept(&extracted));
        bounds::hold(kept(&extracted), request.len());
        let told = !extracted.rejected.message().is_empty();
        assert_eq!(told, rejected(&extracted) > 0, "rejected without a reason");
    }
    true
}

fn kept(extracted: &Extracted) -> &Rows {
    extracted.kept.as_ref().expect("rows are kept")
}

fn rejected(extracted: &Extracted) -> usize {
    usize::try_from(extracted.rejected.count()).unwrap_or(usize::MAX)
}

/// What the tables rely on.
fn check_rows(rows: &Rows) {
    for log in &rows.logs {
        near(log.timestamp_ns);
        attributes(&log.attributes);
        let levels = ["trace", "debug", "info", "warn", "error", "fatal"];
        assert!(
            levels.contains(&&*log.severity_text),
            "{:?}",
            log.severity_text
        );
        assert!(
            log.span_id.is_empty() || is_id(&log.span_id, 16),
            "{:?}",
            log.span_id
        );
        assert!(
            matches!(&*log.source, "frontend" | "backend"),
            "{:?}",
            log.source
        );
    }
    for span in &rows.spans {
        near(span.timestamp_ns);
        attributes(&span.attributes);
    }
    for error in &rows.errors {
        near(error.timestamp_ns);
        for json in [&error.frames, &error.payload] {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(json);
            assert!(parsed.is_ok(), "{json:?}");
        }
    }
    for metric in &rows.metrics {
        near(metric.timestamp_ns);
        attributes(&metric.attributes);
        assert!(!metric.name.is_empty());
    }
}

fn near(timestamp_ns: i64) {
    assert!(timestamp_ns.abs_diff(NOW) <= THIRTY_DAYS, "{timestamp_ns}");
}

fn attributes(attributes: &Attributes) {
    for (key, value) in attributes {
        assert!(
            !value.is_empty() && value.len() <= LONGEST,
            "{key}: {value:?}"
        );
        assert_ne!(key, "highlight.project_id");
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn packed(data: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    // A write into memory does not fail.
    let written = gzip.write_all(data);
    written
        .and_then(|()| gzip.finish())
        .unwrap_or_default()
        .into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_kept_for_the_fuzzers_holds() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, target) in [
            ("drains", super::drains as fn(&[u8])),
            ("otlp_logs", super::otlp_logs),
            ("otlp_metrics", super::otlp_metrics),
            ("otlp_traces", super::otlp_traces),
        ] {
            let mut seeds = 0;
            for seed in fs::read_dir(corpora.join(name)).unwrap() {
                target(&fs::read(seed.unwrap().path()).unwrap());
                seeds += 1;
            }
            assert!(seeds >= 3, "{name} has {seeds} seeds");
        }
    }
}
