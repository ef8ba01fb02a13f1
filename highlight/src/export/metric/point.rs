//! Data points as protobuf, each with the measurement that stands for it.

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::ExponentialHistogramDataPoint;

use crate::export::log_record::unix_nanos;
use crate::export::proto::{self, Scalar};
use crate::export::value;
use crate::metrics::exemplar::Exemplar;
use crate::metrics::instrument::Value;
use crate::scrub::Scrub;

/// Field numbers that all kinds of data points share.
const START: u32 = 2;
const TIME: u32 = 3;

/// When the interval began, where there is one, and when it ended.
pub(super) type Times = (Option<SystemTime>, SystemTime);

/// A histogram's values.
pub(super) struct Histogram<Buckets, Bounds> {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) buckets: Buckets,
    pub(super) bounds: Bounds,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

pub(super) fn number_point<'a>(
    buf: &mut Vec<u8>,
    times: Times,
    (attributes, value): (impl Iterator<Item = &'a KeyValue>, Value),
    exemplar: Option<&Exemplar>,
) {
    const AS_DOUBLE: u32 = 4;
    const EXEMPLARS: u32 = 5;
    const AS_INT: u32 = 6;
    const ATTRIBUTES: u32 = 7;
    series(buf, times, (ATTRIBUTES, attributes), (EXEMPLARS, exemplar));
    number(buf, AS_DOUBLE, AS_INT, value);
}

pub(super) fn histogram_point<'a>(
    buf: &mut Vec<u8>,
    times: Times,
    attributes: impl Iterator<Item = &'a KeyValue>,
    point: Histogram<impl Iterator<Item = u64>, impl Iterator<Item = f64>>,
    exemplar: Option<&Exemplar>,
) {
    const COUNT: u32 = 4;
    const SUM: u32 = 5;
    const BUCKET_COUNTS: u32 = 6;
    const EXPLICIT_BOUNDS: u32 = 7;
    const EXEMPLARS: u32 = 8;
    const ATTRIBUTES: u32 = 9;
    const MIN: u32 = 11;
    const MAX: u32 = 12;
    series(buf, times, (ATTRIBUTES, attributes), (EXEMPLARS, exemplar));
    proto::fixed64_field(buf, COUNT, point.count);
    proto::double_present(buf, SUM, point.sum);
    proto::packed64_field(buf, BUCKET_COUNTS, point.buckets);
    proto::packed64_field(buf, EXPLICIT_BOUNDS, point.bounds.map(f64::to_bits));
    optional(buf, MIN, point.min);
    optional(buf, MAX, point.max);
}

pub(super) fn exponential_point<T: Number>(
    buf: &mut Vec<u8>,
    times: Times,
    point: &ExponentialHistogramDataPoint<T>,
) {
    const ATTRIBUTES: u32 = 1;
    const COUNT: u32 = 4;
    const SUM: u32 = 5;
    const SCALE: u32 = 6;
    const ZERO_COUNT: u32 = 7;
    const POSITIVE: u32 = 8;
    const NEGATIVE: u32 = 9;
    const EXEMPLARS: u32 = 11;
    const MIN: u32 = 12;
    const MAX: u32 = 13;
    const ZERO_THRESHOLD: u32 = 14;
    /// Of `Buckets`.
    const OFFSET: u32 = 1;
    const COUNTS: u32 = 2;
    let attributes = point.attributes();
    series(buf, times, (ATTRIBUTES, attributes), (EXEMPLARS, None));
    proto::fixed64_field(buf, COUNT, point.count() as u64);
    proto::double_present(buf, SUM, point.sum().double());
    proto::sint32_field(buf, SCALE, i32::from(point.scale()));
    proto::fixed64_field(buf, ZERO_COUNT, point.zero_count());
    for (field, buckets) in [
        (POSITIVE, point.positive_bucket()),
        (NEGATIVE, point.negative_bucket()),
    ] {
        let start = buf.len();
        proto::sint32_field(buf, OFFSET, buckets.offset());
        proto::packed_varint_field(buf, COUNTS, buckets.counts());
        proto::wrap(buf, field, start);
    }
    optional(buf, MIN, point.min().map(Number::double));
    optional(buf, MAX, point.max().map(Number::double));
    if point.zero_threshold() != 0.0 {
        proto::double_present(buf, ZERO_THRESHOLD, point.zero_threshold());
    }
}

/// What every data point begins with, and the measurement that stands for it.
fn series<'a>(
    buf: &mut Vec<u8>,
    (start, time): Times,
    (field, attributes): (u32, impl Iterator<Item = &'a KeyValue>),
    (exemplar_field, exemplar): (u32, Option<&Exemplar>),
) {
    proto::fixed64_field(buf, START, start.map_or(0, unix_nanos));
    proto::fixed64_field(buf, TIME, unix_nanos(time));
    for pair in attributes {
        let name = value::safe_name(pair.key.as_str());
        value::attribute(buf, field, name, &pair.value, &Scrub::default());
    }
    if let Some(exemplar) = exemplar {
        write_exemplar(buf, exemplar_field, exemplar);
    }
}

fn write_exemplar(buf: &mut Vec<u8>, field: u32, exemplar: &Exemplar) {
    const EXEMPLAR_TIME: u32 = 2;
    const AS_DOUBLE: u32 = 3;
    const SPAN_ID: u32 = 4;
    const TRACE_ID: u32 = 5;
    const AS_INT: u32 = 6;
    const FILTERED_ATTRIBUTES: u32 = 7;
    let start = buf.len();
    proto::fixed64_field(buf, EXEMPLAR_TIME, unix_nanos(exemplar.time));
    number(buf, AS_DOUBLE, AS_INT, exemplar.value);
    let correlation = &exemplar.correlation;
    if correlation.has_trace() {
        proto::bytes_field(buf, SPAN_ID, &correlation.span_id.to_bytes());
        proto::bytes_field(buf, TRACE_ID, &correlation.trace_id.to_bytes());
    }
    if let Some(session) = correlation.session() {
        let session = Scalar::Str(session.secure_id());
        proto::key_value(buf, FILTERED_ATTRIBUTES, "highlight.session_id", session);
    }
    proto::wrap(buf, field, start);
}

fn number(buf: &mut Vec<u8>, as_double: u32, as_int: u32, value: Value) {
    match value {
        Value::Double(value) => proto::double_present(buf, as_double, value),
        Value::Change(value) => proto::fixed64_present(buf, as_int, value.cast_unsigned()),
        Value::Count(value) => {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            proto::fixed64_present(buf, as_int, value.cast_unsigned());
        }
    }
}

fn optional(buf: &mut Vec<u8>, field: u32, value: Option<f64>) {
    if let Some(value) = value {
        proto::double_present(buf, field, value);
    }
}

/// The number types of OpenTelemetry's instruments.
pub(super) trait Number: Copy {
    fn shown(self) -> Value;
    fn double(self) -> f64;
}

impl Number for f64 {
    fn shown(self) -> Value {
        Value::Double(self)
    }

    fn double(self) -> f64 {
        self
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "OTLP has doubles for a histogram's sum and bounds"
)]
impl Number for u64 {
    fn shown(self) -> Value {
        Value::Count(self)
    }

    fn double(self) -> f64 {
        self as f64
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "OTLP has doubles for a histogram's sum and bounds"
)]
impl Number for i64 {
    fn shown(self) -> Value {
        Value::Change(self)
    }

    fn double(self) -> f64 {
        self as f64
    }
}
