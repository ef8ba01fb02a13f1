//! One measurement that stands for a series of them: it carries the session and the trace that the series itself cannot.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use opentelemetry::{SpanId, TraceId};

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

/// The exemplar of one series since the last collection.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Exemplar>>);

impl Slot {
    /// Keeps the measurement if it stands for its series better than the one before: the largest where `largest` is set, and
    /// otherwise the latest. `taken` counts the metric's series that have one.
    pub(crate) fn offer(
        &self,
        value: Value,
        correlation: &Correlation,
        largest: bool,
        taken: &AtomicUsize,
    ) {
        let mut slot = lock(&self.0);
        match &*slot {
            Some(known) if largest && known.value.double() >= value.double() => return,
            None if taken.fetch_add(1, Ordering::AcqRel) >= MAX_SERIES => return,
            _ => {}
        }
        let mut correlation = correlation.clone();
        if !correlation.flags.is_sampled() {
            // Its trace is stored nowhere.
            correlation.trace_id = TraceId::INVALID;
            correlation.span_id = SpanId::INVALID;
        }
        *slot = Some(Exemplar {
            value,
            time: SystemTime::now(),
            correlation,
        });
    }

    pub(crate) fn take(&self) -> Option<Exemplar> {
        lock(&self.0).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_or_the_latest_stands_for_a_series() {
        for (largest, expected) in [(true, 3.0), (false, 2.0)] {
            let (slot, taken) = (Slot::default(), AtomicUsize::new(0));
            for value in [1.0, 3.0, 2.0] {
                slot.offer(
                    Value::Double(value),
                    &Correlation::default(),
                    largest,
                    &taken,
                );
            }
            assert_eq!(taken.into_inner(), 1);
            let kept = slot.take().unwrap();
            assert_eq!(kept.value.double().to_bits(), f64::to_bits(expected));
            assert!(slot.take().is_none());
        }
    }

    #[test]
    fn memory_is_bounded_whatever_the_number_of_series() {
        let taken = AtomicUsize::new(0);
        let slots: Vec<_> = (0..1_000).map(|_| Slot::default()).collect();
        for slot in &slots {
            slot.offer(Value::Count(1), &Correlation::default(), false, &taken);
        }
        let kept = slots.iter().filter_map(Slot::take).count();
        assert_eq!(kept, MAX_SERIES);
    }
}
