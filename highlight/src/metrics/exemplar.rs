//! One measurement that stands for a series of them: it carries the session and the trace that the series itself cannot.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::SystemTime;

use opentelemetry::{KeyValue, SpanId, TraceId};

use super::instrument::Value;
use crate::context::Correlation;
use crate::export::buffer::lock;

/// Series of one metric that have an exemplar in an interval; more do without.
const MAX_SERIES: usize = 64;

/// A measurement with the request that it was made for.
#[derive(Debug, Clone)]
pub(crate) struct Exemplar {
    pub(crate) value: Value,
    pub(crate) time: SystemTime,
    pub(crate) correlation: Correlation,
}

/// By the series' attributes, sorted by key.
pub(crate) type Exemplars = HashMap<Vec<KeyValue>, Exemplar>;

/// The exemplars of one metric since the last collection.
#[derive(Debug, Default)]
pub(crate) struct Reservoir(Mutex<Exemplars>);

impl Reservoir {
    /// Keeps the measurement if it stands for its series better than the one before: the largest where `largest` is set, and
    /// otherwise the latest.
    pub(crate) fn offer(
        &self,
        attributes: Vec<KeyValue>,
        value: Value,
        mut correlation: Correlation,
        largest: bool,
    ) {
        if !correlation.flags.is_sampled() {
            // Its trace is stored nowhere.
            correlation.trace_id = TraceId::INVALID;
            correlation.span_id = SpanId::INVALID;
        }
        let mut exemplars = lock(&self.0);
        let known = exemplars.get(&attributes);
        let stays = known.is_some_and(|known| largest && known.value.double() >= value.double());
        if stays || (known.is_none() && exemplars.len() >= MAX_SERIES) {
            return;
        }
        let time = SystemTime::now();
        let exemplar = Exemplar {
            value,
            time,
            correlation,
        };
        exemplars.insert(attributes, exemplar);
    }

    pub(crate) fn take(&self) -> Exemplars {
        std::mem::take(&mut *lock(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(reservoir: &Reservoir, tag: i64, value: f64, largest: bool) {
        let attributes = vec![KeyValue::new("tag", tag)];
        let value = Value::Double(value);
        reservoir.offer(attributes, value, Correlation::default(), largest);
    }

    #[test]
    fn the_largest_or_the_latest_stands_for_a_series() {
        for (largest, expected) in [(true, 3.0), (false, 2.0)] {
            let reservoir = Reservoir::default();
            for value in [1.0, 3.0, 2.0] {
                offer(&reservoir, 1, value, largest);
            }
            let taken = reservoir.take();
            let kept: Vec<_> = taken.values().map(|one| one.value.double()).collect();
            assert_eq!(kept, [expected]);
            assert!(reservoir.take().is_empty());
        }
    }

    #[test]
    fn memory_is_bounded_whatever_the_number_of_series() {
        let reservoir = Reservoir::default();
        for tag in 0..1_000 {
            offer(&reservoir, tag, 1.0, false);
        }
        assert_eq!(reservoir.take().len(), MAX_SERIES);
    }
}
