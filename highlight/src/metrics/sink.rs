//! OpenTelemetry's instruments as one type, and the same bound to a set of attributes.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram,
    UpDownCounter,
};

use super::instrument::Value;

/// An instrument.
#[derive(Debug)]
pub(super) enum Sink {
    Gauge(Gauge<f64>),
    Counter(Counter<u64>),
    Histogram(Histogram<f64>),
    UpDownCounter(UpDownCounter<i64>),
}

/// An instrument with the attributes of one series: a measurement finds its place without a search.
#[derive(Debug)]
pub(super) enum Bound {
    Gauge(BoundGauge<f64>),
    Counter(BoundCounter<u64>),
    Histogram(BoundHistogram<f64>),
    UpDownCounter(BoundUpDownCounter<i64>),
}

impl Sink {
    pub(super) fn measure(&self, value: Value, attributes: &[KeyValue]) {
        match (self, value) {
            (Sink::Gauge(gauge), Value::Double(value)) => gauge.record(value, attributes),
            (Sink::Counter(counter), Value::Count(value)) => counter.add(value, attributes),
            (Sink::Histogram(histogram), Value::Double(value)) => {
                histogram.record(value, attributes);
            }
            (Sink::UpDownCounter(counter), Value::Change(value)) => counter.add(value, attributes),
            // Each kind is only ever given its own type of value.
            _ => {}
        }
    }

    pub(super) fn bind(&self, attributes: &[KeyValue]) -> Bound {
        match self {
            Sink::Gauge(gauge) => Bound::Gauge(gauge.bind(attributes)),
            Sink::Counter(counter) => Bound::Counter(counter.bind(attributes)),
            Sink::Histogram(histogram) => Bound::Histogram(histogram.bind(attributes)),
            Sink::UpDownCounter(counter) => Bound::UpDownCounter(counter.bind(attributes)),
        }
    }
}

impl Bound {
    #[inline]
    pub(super) fn measure(&self, value: Value) {
        match (self, value) {
            (Bound::Gauge(gauge), Value::Double(value)) => gauge.record(value),
            (Bound::Counter(counter), Value::Count(value)) => counter.add(value),
            (Bound::Histogram(histogram), Value::Double(value)) => histogram.record(value),
            (Bound::UpDownCounter(counter), Value::Change(value)) => counter.add(value),
            // As above.
            _ => {}
        }
    }
}
