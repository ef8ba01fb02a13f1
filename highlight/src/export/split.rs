//! A request that is too large, for the endpoint (413) or for the spool, becomes two, made from its own bytes.

use std::io::Read as _;
use std::ops::Range;

use flate2::bufread::GzDecoder;

use super::batch::{Batch, BatchIds, compressed};
use super::proto;
use super::reader::{Field, Fields, Payload};
use super::stats::Signal;

/// Nothing of ours is larger before compression; a spool file that says so is not believed.
const LARGEST: u64 = 64 * 1024 * 1024;

/// From a request down to its records, the fields that lead there: resource groups, scope groups, log records or spans.
const TO_RECORDS: &[&[u32]] = &[&[1], &[2], &[2]];
/// Further down, since one metric may be too large alone: its gauge, sum, histogram, exponential histogram or summary, and the
/// data points of that.
const TO_POINTS: &[&[u32]] = &[&[1], &[2], &[2], &[5, 7, 9, 10, 11], &[1]];

/// What became of a request that was too large.
#[derive(Debug)]
pub(crate) enum Split {
    /// The two halves, which hold no more of the budget than the whole; it was so many bytes before compression.
    Halves(Box<[Batch; 2]>, usize),
    /// It has one record only, or cannot be read.
    Single,
}

/// Splits a batch by its records: log records, spans or data points. The halves are new requests with ids of their own.
pub(crate) fn split(batch: &Batch, ids: &mut BatchIds) -> Split {
    let mut plain = Vec::new();
    let read = GzDecoder::new(&batch.body[..])
        .take(LARGEST)
        .read_to_end(&mut plain);
    if read.is_err() {
        return Split::Single;
    }
    let path = match batch.signal {
        Signal::Logs | Signal::Traces => TO_RECORDS,
        Signal::Metrics => TO_POINTS,
    };
    let total = count(&plain, path);
    if total < 2 {
        return Split::Single;
    }
    let middle = total / 2;
    let mut left = batch.held;
    let halves = [0..middle, middle..total].map(|part| {
        let message = only(&plain, path, &part, &mut 0).unwrap_or_default();
        let expected = message.len() / 4;
        let body = compressed(std::iter::once(message.into()), expected, drop);
        let held = body.len().min(left);
        left -= held;
        Batch {
            id: ids.next(),
            body,
            held,
            records: part.len() as u64,
            ..batch.clone()
        }
    });
    Split::Halves(Box::new(halves), plain.len())
}

/// How many records there are at the end of the path.
fn count(message: &[u8], path: &[&[u32]]) -> usize {
    let Some((step, path)) = path.split_first() else {
        return 1;
    };
    let below = Fields::new(message).filter_map(|field| on(step, &field));
    below.map(|inner| count(inner, path)).sum()
}

/// The same message with a part of its records, and without groups that have none of them; None when it has none itself. `at` is
/// the number of the next record.
fn only(message: &[u8], path: &[&[u32]], part: &Range<usize>, at: &mut usize) -> Option<Vec<u8>> {
    let Some((step, path)) = path.split_first() else {
        *at += 1;
        return part.contains(&(*at - 1)).then(|| message.to_vec());
    };
    let mut kept = Vec::new();
    let mut found = false;
    for field in Fields::new(message) {
        let Some(inner) = on(step, &field) else {
            // What is grouped together has it in common: a resource, a scope, a metric's name and unit, its temporality.
            kept.extend_from_slice(field.raw);
            continue;
        };
        if let Some(inner) = only(inner, path, part, at) {
            proto::bytes_field(&mut kept, field.number, &inner);
            found = true;
        }
    }
    found.then_some(kept)
}

/// What is in a field that is on the way to the records.
fn on<'a>(step: &[u32], field: &Field<'a>) -> Option<&'a [u8]> {
    match field.payload {
        Payload::Bytes(bytes) if step.contains(&field.number) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::batch::seal;
    use crate::export::chunk::Chunk;
    use bytes::Bytes;
    use opentelemetry::InstrumentationScope;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum,
    };
    use prost::Message as _;

    use crate::fuzzing::requests::{Records as _, each};

    fn batch(records: u64) -> Batch {
        let mut resource = Vec::new();
        proto::key_value(&mut resource, 1, "service.name", proto::Scalar::Str("shop"));
        let mut chunk = Chunk::default();
        for at in 0..records {
            let name = if at % 3 == 0 { "one" } else { "two" };
            let scope = InstrumentationScope::builder(name)
                .with_schema_url("https://schema")
                .build();
            let mut record = Vec::new();
            proto::fixed64_field(&mut record, 1, at + 1);
            assert!(
                chunk.append(&scope, record.as_slice().into(), 1, |capacity, _| Some(
                    Vec::with_capacity(capacity)
                ))
            );
        }
        seal(&resource, Signal::Logs, chunk, 1, 7, drop)
    }

    fn decoded(batch: &Batch) -> ExportLogsServiceRequest {
        let mut plain = Vec::new();
        GzDecoder::new(&batch.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        ExportLogsServiceRequest::decode(plain.as_slice()).unwrap()
    }

    /// Sequence numbers of all records with the name of their scope.
    fn records(batch: &Batch) -> Vec<(String, u64)> {
        let request = decoded(batch);
        assert_eq!(request.resource_logs.len(), 1);
        let group = &request.resource_logs[0];
        assert_eq!(group.resource.as_ref().unwrap().attributes.len(), 1);
        let scopes = group.scope_logs.iter();
        let records = scopes.flat_map(|scope| {
            assert_eq!(scope.schema_url, "https://schema");
            let name = &scope.scope.as_ref().unwrap().name;
            scope
                .log_records
                .iter()
                .map(|log| (name.clone(), log.time_unix_nano))
        });
        records.collect()
    }

    #[test]
    fn halves_are_whole_requests_and_have_every_record_once() {
        for count in 2..20 {
            let batch = batch(count);
            let Split::Halves(halves, _) = split(&batch, &mut BatchIds::new()) else {
                panic!("{count} records can be split")
            };
            let [one, two] = halves.as_ref();
            assert_eq!(one.records + two.records, count);
            let mut both = records(one);
            assert_eq!(both.len() as u64, one.records);
            both.extend(records(two));
            assert_eq!(both, records(&batch));
        }
    }

    /// One metric of each kind, with so many data points each.
    fn metrics(points: u64) -> ExportMetricsServiceRequest {
        let point = |at| NumberDataPoint {
            time_unix_nano: at + 1,
            ..NumberDataPoint::default()
        };
        let distribution = |at| HistogramDataPoint {
            time_unix_nano: at + 1,
            bucket_counts: vec![at, 7],
            ..HistogramDataPoint::default()
        };
        let temporality = AggregationTemporality::Delta.into();
        let kinds = [
            Data::Gauge(Gauge {
                data_points: (0..points).map(point).collect(),
            }),
            Data::Sum(Sum {
                data_points: (0..points).map(point).collect(),
                aggregation_temporality: temporality,
                is_monotonic: true,
            }),
            Data::Histogram(Histogram {
                data_points: (0..points).map(distribution).collect(),
                aggregation_temporality: temporality,
            }),
        ];
        let metrics = kinds.into_iter().map(|data| Metric {
            name: "cart.size".to_owned(),
            description: "what is in it".to_owned(),
            unit: "{item}".to_owned(),
            data: Some(data),
            ..Metric::default()
        });
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                scope_metrics: vec![ScopeMetrics {
                    metrics: metrics.collect(),
                    schema_url: "https://schema".to_owned(),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        }
    }

    /// Splits until nothing can be split any more.
    fn pieces(batch: Batch) -> Vec<Batch> {
        match split(&batch, &mut BatchIds::new()) {
            Split::Single => vec![batch],
            Split::Halves(halves, _) => halves.into_iter().flat_map(pieces).collect(),
        }
    }

    #[test]
    fn one_metric_is_split_down_to_its_data_points_each_with_all_that_tells_of_it() {
        for count in [1, 2, 3, 50] {
            let request = metrics(count);
            let whole = Batch {
                signal: Signal::Metrics,
                body: compressed(std::iter::once(request.encode_to_vec().into()), 64, drop),
                records: 3 * count,
                ..batch(1)
            };
            let pieces = pieces(whole);
            assert_eq!(pieces.len() as u64, 3 * count);
            assert!(pieces.iter().all(|piece| piece.records == 1));
            // Each piece is one data point with its metric, its scope and its resource.
            let found: Vec<_> = pieces
                .iter()
                .flat_map(each::<ExportMetricsServiceRequest>)
                .collect();
            assert_eq!(found, request.each());
        }
    }

    #[test]
    fn what_cannot_be_split_is_told() {
        assert!(matches!(
            split(&batch(1), &mut BatchIds::new()),
            Split::Single
        ));
        let mut broken = batch(4);
        broken.body = Bytes::from_static(b"no gzip");
        assert!(matches!(
            split(&broken, &mut BatchIds::new()),
            Split::Single
        ));
    }
}
