//! One collected OpenTelemetry metric as protobuf.

mod point;

use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};

use super::proto;
use crate::hook::Layout;
use crate::metrics::exemplar::Exemplars;
use point::{Number, exponential_point, histogram_point, number_point};

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
    exemplars: &'a Exemplars,
    take: &'a mut dyn FnMut(&[u8], u64),
    /// Name, description and unit.
    head: Vec<u8>,
    points: Vec<u8>,
    count: u64,
}

/// Writes `metric` as messages of about `most` bytes at most, and hands each to `take` with the number of its data points.
pub(crate) fn encode(
    metric: &Metric,
    exemplars: &Exemplars,
    most: usize,
    take: &mut dyn FnMut(&[u8], u64),
) {
    let mut head = Vec::new();
    proto::str_field(&mut head, NAME, metric.name());
    proto::str_field(&mut head, DESCRIPTION, metric.description());
    proto::str_field(&mut head, UNIT, metric.unit());
    let writer = Writer {
        most,
        exemplars,
        take,
        head,
        points: Vec::new(),
        count: 0,
    };
    match metric.data() {
        AggregatedMetrics::F64(data) => writer.data(data),
        AggregatedMetrics::U64(data) => writer.data(data),
        AggregatedMetrics::I64(data) => writer.data(data),
    }
}

impl Writer<'_> {
    fn data<T: Number>(mut self, data: &MetricData<T>) {
        let mut tail = Vec::new();
        match data {
            MetricData::Gauge(gauge) => {
                for point in gauge.data_points() {
                    let times = (gauge.start_time(), gauge.time());
                    let point = (point.attributes(), point.value());
                    self.point(GAUGE, &tail, |buf, exemplars| {
                        number_point(buf, times, point, exemplars);
                    });
                }
                self.close(GAUGE, &tail);
            }
            MetricData::Sum(sum) => {
                temporality(&mut tail, sum.temporality());
                proto::uint_field(&mut tail, IS_MONOTONIC, u64::from(sum.is_monotonic()));
                for point in sum.data_points() {
                    let times = (Some(sum.start_time()), sum.time());
                    let point = (point.attributes(), point.value());
                    self.point(SUM, &tail, |buf, exemplars| {
                        number_point(buf, times, point, exemplars);
                    });
                }
                self.close(SUM, &tail);
            }
            MetricData::Histogram(histogram) => {
                temporality(&mut tail, histogram.temporality());
                for point in histogram.data_points() {
                    let times = (Some(histogram.start_time()), histogram.time());
                    self.point(HISTOGRAM, &tail, |buf, exemplars| {
                        histogram_point(buf, times, point, exemplars);
                    });
                }
                self.close(HISTOGRAM, &tail);
            }
            MetricData::ExponentialHistogram(histogram) => {
                temporality(&mut tail, histogram.temporality());
                for point in histogram.data_points() {
                    let times = (Some(histogram.start_time()), histogram.time());
                    self.point(EXPONENTIAL_HISTOGRAM, &tail, |buf, exemplars| {
                        exponential_point(buf, times, point, exemplars);
                    });
                }
                self.close(EXPONENTIAL_HISTOGRAM, &tail);
            }
        }
    }

    fn point(&mut self, field: u32, tail: &[u8], write: impl FnOnce(&mut Vec<u8>, &Exemplars)) {
        let start = self.points.len();
        write(&mut self.points, self.exemplars);
        proto::wrap(&mut self.points, POINTS, start);
        self.count += 1;
        if self.points.len() >= self.most {
            self.close(field, tail);
        }
    }

    fn close(&mut self, field: u32, tail: &[u8]) {
        if self.count == 0 {
            return;
        }
        let mut message = self.head.clone();
        proto::len_header(&mut message, field, self.points.len() + tail.len());
        message.extend_from_slice(&self.points);
        message.extend_from_slice(tail);
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
