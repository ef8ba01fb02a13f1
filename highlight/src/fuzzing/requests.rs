//! Requests that are split, and the answers to them.

use std::io::Read as _;

use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::export::batch::{Batch, BatchIds, compressed};
use crate::export::split::{Split, split as halve};
use crate::export::stats::Signal;
use crate::export::transport::{LONGEST_RETRY_AFTER, Verdict, judge};

/// Two bytes of status, a line with `retry-after`, and the body: whatever an endpoint says, its verdict is within bounds.
pub fn answer(data: &[u8]) {
    let Some((status, rest)) = data.split_first_chunk() else {
        return;
    };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes(*status)) else {
        return;
    };
    let at = rest.iter().position(|byte| *byte == b'\n');
    let (after, body) = rest.split_at(at.unwrap_or(rest.len()));
    let mut headers = HeaderMap::new();
    if let Ok(after) = HeaderValue::from_bytes(after) {
        headers.insert(header::RETRY_AFTER, after);
    }
    let verdict = judge(status, &headers, body.get(1..).unwrap_or_default());
    let reason = match &verdict {
        Verdict::Accepted { rejected, reason } => {
            assert!(status.is_success());
            assert!(
                *rejected == 0 || !body.is_empty(),
                "rejected out of nothing"
            );
            reason
        }
        Verdict::Retry { after, reason } => {
            assert!(after.is_none_or(|after| after <= LONGEST_RETRY_AFTER));
            assert!(matches!(status.as_u16(), 408 | 429 | 502..=504));
            reason
        }
        Verdict::TooLarge { reason } => {
            assert_eq!(status, 413);
            reason
        }
        Verdict::Refused { reason } => {
            assert!(!status.is_success());
            reason
        }
    };
    assert!(reason.chars().count() <= 300, "{reason:?}");
}

/// A byte for the signal, and a request: its parts have all that it had, once and in order.
pub fn split(data: &[u8]) {
    match data.split_first() {
        Some((0, body)) => parted::<ExportLogsServiceRequest>(Signal::Logs, body),
        Some((1, body)) => parted::<ExportTraceServiceRequest>(Signal::Traces, body),
        Some((2, body)) => parted::<ExportMetricsServiceRequest>(Signal::Metrics, body),
        _ => {}
    }
}

/// A request as a list of its records, each with all that it is grouped under.
pub(crate) trait Records: Message + Default {
    fn each(&self) -> Vec<Vec<u8>>;
}

fn parted<M: Records>(signal: Signal, body: &[u8]) {
    // As a request of this process, which has no fields of other versions.
    let Ok(request) = M::decode(body) else {
        return;
    };
    let records = request.each();
    let batch = Batch {
        id: 1,
        signal,
        body: compressed(std::iter::once(request.encode_to_vec().into()), 64, drop),
        records: records.len() as u64,
        held: 0,
        sequence: 1,
        spooled: None,
    };
    match halve(&batch, &mut BatchIds::new()) {
        Split::Halves(halves, _) => {
            let mut found = Vec::new();
            for half in halves.as_ref() {
                let records = each::<M>(half);
                assert_eq!(records.len() as u64, half.records, "miscounted");
                assert!(!records.is_empty(), "an empty request");
                found.extend(records);
            }
            assert_eq!(found, records, "not what was to be split");
        }
        Split::Single => assert!(records.len() < 2, "{} records", records.len()),
    }
}

/// The records of a batch, decoded with the reference types.
pub(crate) fn each<M: Records>(batch: &Batch) -> Vec<Vec<u8>> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(&batch.body[..]).read_to_end(&mut plain);
    assert!(read.is_ok(), "no gzip");
    let Ok(request) = M::decode(plain.as_slice()) else {
        panic!("a part is no request");
    };
    request.each()
}

/// Every record with the resource, the scope and, for data points, the metric that it is grouped under.
macro_rules! each_of {
    ($request:expr, $groups:ident, $scopes:ident, $records:ident, $single:expr) => {{
        let mut found = Vec::new();
        for group in &$request.$groups {
            let mut of_group = group.clone();
            of_group.$scopes.clear();
            for scope in &group.$scopes {
                let mut of_scope = scope.clone();
                of_scope.$records.clear();
                for record in scope.$records.iter().flat_map($single) {
                    of_scope.$records = vec![record];
                    of_group.$scopes = vec![of_scope.clone()];
                    found.push(of_group.encode_to_vec());
                }
            }
        }
        found
    }};
}

impl Records for ExportLogsServiceRequest {
    fn each(&self) -> Vec<Vec<u8>> {
        let single = |record: &LogRecord| [record.clone()];
        each_of!(self, resource_logs, scope_logs, log_records, single)
    }
}

impl Records for ExportTraceServiceRequest {
    fn each(&self) -> Vec<Vec<u8>> {
        let single = |span: &Span| [span.clone()];
        each_of!(self, resource_spans, scope_spans, spans, single)
    }
}

impl Records for ExportMetricsServiceRequest {
    fn each(&self) -> Vec<Vec<u8>> {
        each_of!(self, resource_metrics, scope_metrics, metrics, points)
    }
}

/// A metric for each of its data points.
fn points(metric: &Metric) -> Vec<Metric> {
    macro_rules! points_of {
        ($kind:ident, $data:expr) => {{
            let mut of_data = $data.clone();
            let points = std::mem::take(&mut of_data.data_points);
            let metrics = points.into_iter().map(|point| {
                of_data.data_points = vec![point];
                Metric {
                    name: metric.name.clone(),
                    description: metric.description.clone(),
                    unit: metric.unit.clone(),
                    metadata: metric.metadata.clone(),
                    data: Some(Data::$kind(of_data.clone())),
                }
            });
            metrics.collect()
        }};
    }
    match &metric.data {
        Some(Data::Gauge(data)) => points_of!(Gauge, data),
        Some(Data::Sum(data)) => points_of!(Sum, data),
        Some(Data::Histogram(data)) => points_of!(Histogram, data),
        Some(Data::ExponentialHistogram(data)) => points_of!(ExponentialHistogram, data),
        Some(Data::Summary(data)) => points_of!(Summary, data),
        None => Vec::new(),
    }
}
