//! Our bytes against `opentelemetry-proto`'s own conversion, our sums against those of OpenTelemetry's SDK, and what these know nothing of.

use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{self as reference, exemplar, number_data_point};
use opentelemetry_sdk::metrics::data::{ResourceMetrics, ScopeMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, ManualReader, SdkMeterProvider, Stream, Temporality,
};
use prost::Message as _;
use std::sync::Arc;

use super::*;
use crate::context::Correlation;
use crate::export::log_record::unix_nanos;
use crate::export::proto::Scalar;
use crate::metrics::instrument::{Value, Wanted};
use crate::metrics::tags::{Tag, owned, sorted};
use crate::session::Session;

#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl opentelemetry_sdk::metrics::reader::MetricReader for Reader {
    fn register_pipeline(&self, pipeline: std::sync::Weak<opentelemetry_sdk::metrics::Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }

    fn temporality(&self, kind: opentelemetry_sdk::metrics::InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// What instruments of every kind have come to.
fn collected(record: impl FnOnce(&opentelemetry::metrics::Meter)) -> ResourceMetrics {
    let reader = ManualReader::builder().with_temporality(Temporality::Delta);
    let reader = Reader(Arc::new(reader.build()));
    let exponential = |instrument: &Instrument| {
        let aggregation = Aggregation::Base2ExponentialHistogram {
            max_size: 160,
            max_scale: 20,
            record_min_max: true,
        };
        let stream = Stream::builder().with_aggregation(aggregation);
        (instrument.name() == "exponential").then(|| stream.build().unwrap())
    };
    let provider = SdkMeterProvider::builder()
        .with_reader(reader.clone())
        .with_view(exponential)
        .build();
    record(&provider.meter("test"));
    let mut metrics = ResourceMetrics::default();
    reader.collect(&mut metrics).unwrap();
    metrics
}

fn encoded(metrics: &ResourceMetrics, most: usize) -> Vec<(Vec<u8>, u64)> {
    let mut messages = Vec::new();
    for metric in metrics.scope_metrics().flat_map(ScopeMetrics::metrics) {
        encode(metric, most, &mut |bytes, points| {
            messages.push((bytes.to_vec(), points));
        });
    }
    messages
}

fn decode((bytes, _): &(Vec<u8>, u64)) -> reference::Metric {
    reference::Metric::decode(bytes.as_slice()).unwrap()
}

#[test]
fn every_kind_of_metric_is_what_the_reference_conversion_makes_of_it() {
    let metrics = collected(|meter| {
        let tags = [
            KeyValue::new("text", "ünïcödé"),
            KeyValue::new("int", -5),
            KeyValue::new("double", 0.5),
        ];
        let gauge = meter
            .f64_gauge("gauge.double")
            .with_unit("ms")
            .with_description("text")
            .build();
        gauge.record(-1.5, &tags);
        meter.i64_gauge("gauge.int").build().record(-7, &[]);
        meter.u64_gauge("gauge.zero").build().record(0, &[]);
        meter.u64_counter("counter").build().add(17, &tags);
        meter.f64_counter("counter.double").build().add(0.25, &[]);
        meter
            .i64_up_down_counter("up.down")
            .build()
            .add(-3, &tags[..1]);
        let histogram = meter.f64_histogram("histogram").build();
        for value in [0.0, 3.0, 7.5, 1e9, -4.0] {
            histogram.record(value, &tags);
        }
        let bare = meter.u64_histogram("histogram.int").with_boundaries(vec![]);
        bare.build().record(12, &[]);
        let exponential = meter.f64_histogram("exponential").build();
        for value in [0.0, 0.001, 3.0, -20.0, 1e6] {
            exponential.record(value, &tags);
        }
    });
    let expected = ExportMetricsServiceRequest::from(&metrics);
    let expected = &expected.resource_metrics[0].scope_metrics[0].metrics;
    let ours: Vec<_> = encoded(&metrics, usize::MAX).iter().map(decode).collect();
    assert_eq!(ours.len(), 9);
    assert_eq!(ours, *expected);
}

#[test]
fn a_large_metric_is_split_and_no_point_is_lost_or_doubled() {
    let metrics = collected(|meter| {
        let counter = meter.u64_counter("split").with_unit("{x}").build();
        for number in 0..1_000 {
            counter.add(1, &[KeyValue::new("number", number)]);
        }
    });
    let messages = encoded(&metrics, 4_096);
    assert!(messages.len() > 5, "{} messages", messages.len());
    let mut numbers = Vec::new();
    for message in &messages {
        assert!(message.0.len() < 8_192);
        let metric = decode(message);
        assert_eq!(
            (metric.name.as_str(), metric.unit.as_str()),
            ("split", "{x}")
        );
        let Some(Data::Sum(sum)) = metric.data else {
            panic!("a sum expected")
        };
        assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true));
        assert_eq!(sum.data_points.len() as u64, message.1);
        numbers.extend(
            sum.data_points
                .into_iter()
                .map(|point| format!("{:?}", point.attributes)),
        );
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 1_000);
}

/// An instrument of ours, of a registry of its own.
fn own(wanted: &Wanted<'_>, measure: impl Fn(&Measure<'_>)) -> Arc<crate::metrics::metric::Metric> {
    let registry = crate::metrics::testing::registry();
    let instrument = registry.get(wanted).unwrap();
    measure(&|value, tags, exemplar| {
        instrument.measure(value, tags.iter().copied(), exemplar);
    });
    registry.metrics()[0].clone()
}

type Measure<'a> = dyn Fn(Value, &[Tag<'_>], Option<&Correlation>) + 'a;

fn encoded_own(collected: &Collected<'_>) -> Vec<reference::Metric> {
    let mut messages = Vec::new();
    encode_own(collected, usize::MAX, &mut |bytes, points| {
        messages.push(decode(&(bytes.to_vec(), points)));
    });
    messages
}

/// The one metric, with its points in order and without their times.
fn timeless(mut metric: reference::Metric) -> reference::Metric {
    fn numbers(points: &mut Vec<reference::NumberDataPoint>) {
        for point in &mut *points {
            assert!(point.start_time_unix_nano <= point.time_unix_nano);
            (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
        }
        points.sort_by_key(|point| format!("{:?}", point.attributes));
    }
    match metric.data.as_mut().unwrap() {
        Data::Gauge(gauge) => numbers(&mut gauge.data_points),
        Data::Sum(sum) => numbers(&mut sum.data_points),
        Data::Histogram(histogram) => {
            for point in &mut histogram.data_points {
                assert!(point.start_time_unix_nano <= point.time_unix_nano);
                (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
            }
            let points = &mut histogram.data_points;
            points.sort_by_key(|point| format!("{:?}", point.attributes));
        }
        other => panic!("{other:?}"),
    }
    metric
}

#[test]
fn our_own_aggregation_comes_to_what_opentelemetry_s_does() {
    let [berlin, paris] = ["berlin", "paris"].map(|shop| ("shop", Scalar::Str(shop)));
    let count = ("count", Scalar::Int(-3));
    let series: [&[Tag<'_>]; 5] = [
        &[],
        &[berlin],
        &[berlin, count],
        &[count, berlin],
        &[paris, berlin],
    ];
    // Which of two tags of a name is sent is left open by OpenTelemetry's.
    let pairs =
        |tags: &[Tag<'_>]| -> Vec<_> { sorted(tags.iter().copied()).iter().map(owned).collect() };
    let values: Vec<f64> = (0..200).map(|at| f64::from(at * at) / 8.0 - 3.0).collect();
    let each = || {
        let of_all = |value: &f64| series.map(|tags| (*value, tags));
        values.iter().flat_map(of_all)
    };
    let bounds = [1.0, 3.5, 1e3];
    for kind in [
        Kind::Gauge,
        Kind::Counter,
        Kind::UpDownCounter,
        Kind::Histogram,
    ] {
        for buckets in [None, Some(&bounds[..]), Some(&[])] {
            let wanted = Wanted {
                unit: Some("ms"),
                description: Some("what it is"),
                buckets,
                ..Wanted::named(kind, "name")
            };
            let whole = |value: f64| format!("{:.0}", value.abs()).parse::<u64>().unwrap();
            let change = |value: f64| format!("{value:.0}").parse::<i64>().unwrap();
            let ours = own(&wanted, |measure| {
                for (value, tags) in each() {
                    let value = match kind {
                        Kind::Counter => Value::Count(whole(value)),
                        Kind::UpDownCounter => Value::Change(change(value)),
                        Kind::Gauge | Kind::Histogram => Value::Double(value),
                    };
                    measure(value, tags, None);
                }
            });
            let ours = encoded_own(&ours.collect()).remove(0);
            let theirs = collected(|meter| {
                macro_rules! made {
                    ($builder:expr) => {
                        $builder
                            .with_unit("ms")
                            .with_description("what it is")
                            .build()
                    };
                }
                match kind {
                    Kind::Gauge => {
                        let gauge = made!(meter.f64_gauge("name"));
                        each().for_each(|(value, tags)| gauge.record(value, &pairs(tags)));
                    }
                    Kind::Counter => {
                        let counter = made!(meter.u64_counter("name"));
                        each().for_each(|(value, tags)| counter.add(whole(value), &pairs(tags)));
                    }
                    Kind::UpDownCounter => {
                        let counter = made!(meter.i64_up_down_counter("name"));
                        each().for_each(|(value, tags)| counter.add(change(value), &pairs(tags)));
                    }
                    Kind::Histogram => {
                        let mut builder = meter.f64_histogram("name");
                        builder.boundaries = buckets.map(<[f64]>::to_vec);
                        let histogram = made!(builder);
                        each().for_each(|(value, tags)| histogram.record(value, &pairs(tags)));
                    }
                }
            });
            let theirs = ExportMetricsServiceRequest::from(&theirs);
            let theirs = &theirs.resource_metrics[0].scope_metrics[0].metrics[0];
            assert_eq!(timeless(ours), timeless(theirs.clone()));
        }
    }
}

#[test]
fn an_exemplar_carries_trace_and_session_and_stands_with_its_series() {
    let correlation = Correlation {
        trace_id: opentelemetry::TraceId::from(7),
        span_id: opentelemetry::SpanId::from(9),
        flags: opentelemetry::TraceFlags::SAMPLED,
        ..Correlation::default()
    };
    let correlation = correlation.with_session(Session::new("abc"));
    let begun = SystemTime::now();
    let metric = own(&Wanted::named(Kind::Gauge, "gauge"), |measure| {
        let shop = |shop| [("shop", Scalar::Str(shop))];
        measure(Value::Double(1.0), &shop("berlin"), Some(&correlation));
        measure(Value::Double(2.0), &shop("paris"), None);
    });
    let metric = encoded_own(&metric.collect()).remove(0);
    let Some(Data::Gauge(gauge)) = metric.data else {
        panic!("a gauge expected")
    };
    assert_eq!(gauge.data_points.len(), 2);
    for point in gauge.data_points {
        let is_berlin = point.value == Some(number_data_point::Value::AsDouble(1.0));
        assert_eq!(point.exemplars.len(), usize::from(is_berlin));
        for exemplar in point.exemplars {
            assert!(exemplar.time_unix_nano >= unix_nanos(begun));
            assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(1.0)));
            assert_eq!(
                exemplar.trace_id,
                opentelemetry::TraceId::from(7).to_bytes()
            );
            assert_eq!(exemplar.span_id, opentelemetry::SpanId::from(9).to_bytes());
            let session = &exemplar.filtered_attributes[0];
            assert_eq!(session.key, "highlight.session_id");
        }
    }
}
