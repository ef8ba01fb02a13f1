//! What the measurements of a series have come to, those of all threads together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::distribution::{Bounds, Distribution};
use super::instrument::{Kind, Value};

/// What is taken out goes into a data point.
#[derive(Debug)]
pub(super) enum Total {
    /// A gauge's latest value, and the one that was taken last.
    Latest { latest: Arc<AtomicU64>, taken: u64 },
    /// Since the last time.
    Count(u64),
    /// Since the start.
    Change(i64),
    /// Since the last time.
    Distribution(Distribution),
}

/// What a data point says.
#[derive(Debug)]
pub(crate) enum Taken {
    Number(Value),
    Distribution(Distribution),
}

impl Total {
    pub(super) fn new(kind: Kind, bounds: &Bounds) -> Self {
        match kind {
            Kind::Gauge => Total::Latest {
                latest: Arc::default(),
                taken: 0,
            },
            Kind::Counter => Total::Count(0),
            Kind::UpDownCounter => Total::Change(0),
            Kind::Histogram => Total::Distribution(Distribution::new(bounds)),
        }
    }

    pub(super) fn add(&mut self, value: Value) {
        match (self, value) {
            (Total::Latest { latest, .. }, Value::Double(value)) => {
                latest.store(value.to_bits(), Ordering::Relaxed);
            }
            (Total::Count(sum), Value::Count(count)) => *sum = sum.wrapping_add(count),
            (Total::Change(sum), Value::Change(change)) => *sum = sum.wrapping_add(change),
            (Total::Distribution(distribution), Value::Double(value)) => {
                distribution.add(&[value]);
            }
            // Each kind is only ever given its own type of value.
            _ => {}
        }
    }

    /// Adds what was taken from another of its kind.
    pub(super) fn absorb(&mut self, taken: Taken) {
        match (self, taken) {
            (Total::Distribution(total), Taken::Distribution(mut distribution)) => {
                total.absorb(&mut distribution);
            }
            (total, Taken::Number(value)) => total.add(value),
            // As above.
            (_, Taken::Distribution(_)) => {}
        }
    }

    /// What a data point is to say; none where nothing `is_new`.
    pub(super) fn take(&mut self, is_new: bool) -> Option<Taken> {
        let value = match self {
            Total::Latest { latest, taken } => {
                let now = latest.load(Ordering::Relaxed);
                let before = std::mem::replace(taken, now);
                // A value may come to be seen later than that there is one.
                (is_new || now != before).then(|| Value::Double(f64::from_bits(now)))
            }
            Total::Count(sum) => is_new.then(|| Value::Count(std::mem::take(sum))),
            // Its sum is what it is, and is sent each time.
            Total::Change(sum) => Some(Value::Change(*sum)),
            Total::Distribution(distribution) => {
                let distribution = (!distribution.is_empty()).then(|| distribution.take());
                return distribution.map(Taken::Distribution);
            }
        };
        value.map(Taken::Number)
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Total::Latest { latest, taken } => latest.load(Ordering::Relaxed) == *taken,
            Total::Count(sum) => *sum == 0,
            Total::Change(_) => false,
            Total::Distribution(distribution) => distribution.is_empty(),
        }
    }
}
