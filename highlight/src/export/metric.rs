//! One collected metric as protobuf, whether we or OpenTelemetry's SDK aggregated it.

mod point;

use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};

use super::proto;
use crate::hook::Layout;
use crate::metrics::instrument::Kind;
use crate::metrics::metric::Collected;
use crate::metrics::total::Taken;
use point::{Histogram, Number, exponential_point, histogram_point, number_point};

/// Field numbers of `opentelemetry.proto.metrics.v1.Metric`.
const NAME: u32 = 1;
/// What a hook may change: the name, and the metadata; tags are the data points'.
pub(super) const LAYOUT: Layout = Layout {
    attributes: 12,
    text: NAME,
    text_is_any: false,
};
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL_HISTOGRAM: u32 = 10;

/// Field numbers of `Gauge`, `Sum`, `Histogram` and `ExponentialHistogram`: they share them.
const POINTS: u32 = 1;
const TEMPORALITY: u32 = 2;
const IS_MONOTONIC: u32 = 3;

/// Splits what is too large for one message, and so for one request.
struct Writer<'a> {
    /// Bytes of a message from which on the next point opens another.
    most: usize,
    take: &'a mut dyn FnMut(&[u8], u64),
    /// Name, description and unit.
    head: Vec<u8>,
    /// The field that the points are in, which says of what kind they are.
    field: u32,
    points: Vec<u8>,
    count: u64,
    /// What holds for all points.
    tail: Vec<u8>,
}

/// Writes what our own aggregation has come to, as [`encode`] does.
pub(crate) fn encode_own(collected: &Collected<'_>, most: usize, take: &mut dyn FnMut(&[u8], u64)) {
    let metric = collected.metric;
    let names = [metric.name(), metric.description(), metric.unit()];
    let mut writer = Writer::new(names, most, take);
    match metric.kind() {
        Kind::Gauge => writer.gauge(),
        Kind::Counter => writer.sum(Temporality::Delta, true),
        Kind::UpDownCounter => writer.sum(Temporality::Cumulative, false),
        Kind::Histogram => writer.histogram(HISTOGRAM, Temporality::Delta),
    }
    let times = (Some(collected.start), collected.time);
    for point in &collected.points {
        let tags = point.series.tags().iter();
        let exemplar = point.exemplar.as_ref();
        writer.point(|buf| match &point.taken {
            Taken::Number(value) => number_point(buf, times, (tags, *value), exemplar),
            Taken::Distribution(values) => {
                let histogram = Histogram {
                    count: values.count(),
                    sum: values.sum(),
                    buckets: values.buckets().iter().copied(),
                    bounds: values.bounds().iter().copied(),
                    min: Some(values.min()),
                    max: Some(values.max()),
                };
                histogram_point(buf, times, tags, histogram, exemplar);
            }
        });
    }
    writer.close();
}

/// Writes `metric` as messages of about `most` bytes at most, and hands each to `take` with the number of its data points.
pub(crate) fn encode(metric: &Metric, most: usize, take: &mut dyn FnMut(&[u8], u64)) {
    let names = [metric.name(), metric.description(), metric.unit()];
    let writer = Writer::new(names, most, take);
    match metric.data() {
        AggregatedMetrics::F64(data) => writer.data(data),
        AggregatedMetrics::U64(data) => writer.data(data),
        AggregatedMetrics::I64(data) => writer.data(data),
    }
}

impl<'a> Writer<'a> {
    fn new(names: [&str; 3], most: usize, take: &'a mut dyn FnMut(&[u8], u64)) -> Self {
        let mut head = Vec::new();
        for (field, name) in [NAME, DESCRIPTION, UNIT].into_iter().zip(names) {
            proto::str_field(&mut head, field, name);
        }
        Writer {
            most,
            take,
            head,
            field: GAUGE,
            points: Vec::new(),
            count: 0,
            tail: Vec::new(),
        }
    }

    fn gauge(&mut self) {
        self.field = GAUGE;
    }

    fn sum(&mut self, of: Temporality, is_monotonic: bool) {
        self.field = SUM;
        temporality(&mut self.tail, of);
        proto::uint_field(&mut self.tail, IS_MONOTONIC, u64::from(is_monotonic));
    }

    fn histogram(&mut self, field: u32, of: Temporality) {
        self.field = field;
        temporality(&mut self.tail, of);
    }

    fn data<T: Number>(mut self, data: &MetricData<T>) {
        match data {
            MetricData::Gauge(gauge) => {
                self.gauge();
                let times = (gauge.start_time(), gauge.time());
                for point in gauge.data_points() {
                    let point = (point.attributes(), point.value().shown());
                    self.point(|buf| number_point(buf, times, point, None));
                }
            }
            MetricData::Sum(sum) => {
                self.sum(sum.temporality(), sum.is_monotonic());
                let times = (Some(sum.start_time()), sum.time());
                for point in sum.data_points() {
                    let point = (point.attributes(), point.value().shown());
                    self.point(|buf| number_point(buf, times, point, None));
                }
            }
            MetricData::Histogram(histogram) => {
                self.histogram(HISTOGRAM, histogram.temporality());
                let times = (Some(histogram.start_time()), histogram.time());
                for point in histogram.data_points() {
                    let values = Histogram {
                        count: point.count(),
                        sum: point.sum().double(),
                        buckets: point.bucket_counts(),
                        bounds: point.bounds(),
                        min: point.min().map(Number::double),
                        max: point.max().map(Number::double),
                    };
                    self.point(|buf| histogram_point(buf, times, point.attributes(), values, None));
                }
            }
            MetricData::ExponentialHistogram(histogram) => {
                self.histogram(EXPONENTIAL_HISTOGRAM, histogram.temporality());
                let times = (Some(histogram.start_time()), histogram.time());
                for point in histogram.data_points() {
                    self.point(|buf| exponential_point(buf, times, point));
                }
            }
        }
        self.close();
    }

    fn point(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.points.len();
        write(&mut self.points);
        proto::wrap(&mut self.points, POINTS, start);
        self.count += 1;
        if self.points.len() >= self.most {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.count == 0 {
            return;
        }
        let mut message = self.head.clone();
        proto::len_header(
            &mut message,
            self.field,
            self.points.len() + self.tail.len(),
        );
        message.extend_from_slice(&self.points);
        message.extend_from_slice(&self.tail);
        (self.take)(&message, self.count);
        self.points.clear();
        self.count = 0;
    }
}

fn temporality(buf: &mut Vec<u8>, temporality: Temporality) {
    let number = match temporality {
        Temporality::Cumulative => 2,
        _ => 1,
    };
    proto::uint_field(buf, TEMPORALITY, number);
}

#[cfg(test)]
mod tests;
