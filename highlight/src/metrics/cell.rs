//! What one thread measures of one series. That thread alone writes it, so that it needs neither a lock nor a locked instruction;
//! whoever collects reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::instrument::Value;
use super::recorder::Recorder;
use super::total::Total;

/// Something was measured since the last collection.
const USED: u8 = 1;
/// The thread is to look its series up anew: that was let go of, or the SDK was shut down.
const CLOSED: u8 = 2;

/// See the module's description. In this order, so that what a measurement touches of it lies together.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Cell {
    state: AtomicU8,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// The latest value, which all threads share: who comes last wins.
    Latest(Arc<AtomicU64>),
    /// What was added, ever, and how much of it was taken.
    Sum { added: AtomicU64, taken: AtomicU64 },
    /// Apart, since it takes much more room than the others.
    Distribution(Box<Recorder>),
}

impl Cell {
    /// One for what `total` is the sum of.
    pub(super) fn new(total: &Total) -> Self {
        let values = match total {
            Total::Latest { latest, .. } => Values::Latest(Arc::clone(latest)),
            Total::Count(_) | Total::Change(_) => Values::Sum {
                added: AtomicU64::new(0),
                taken: AtomicU64::new(0),
            },
            Total::Distribution(distribution) => {
                Values::Distribution(Box::new(Recorder::new(distribution.same_bounds())))
            }
        };
        Cell {
            state: AtomicU8::new(0),
            values,
        }
    }

    /// Adds a measurement: true for the first since the last collection. Called by its thread only.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "most of it is known where it is called"
    )]
    pub(super) fn add(&self, value: Value) -> bool {
        match (&self.values, value) {
            (Values::Latest(latest), Value::Double(value)) => {
                latest.store(value.to_bits(), Ordering::Relaxed);
            }
            (Values::Sum { added, .. }, Value::Count(count)) => grow(added, count),
            (Values::Sum { added, .. }, Value::Change(change)) => {
                grow(added, change.cast_unsigned());
            }
            (Values::Distribution(recorder), Value::Double(value)) => recorder.add(value),
            // Each kind is only ever given its own type of value.
            _ => {}
        }
        // Last, since it may be taken from meanwhile.
        self.state.load(Ordering::Relaxed) != USED && self.touch()
    }

    /// The same where nothing has to be told: None, and nothing is done, otherwise.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "most of it is known where it is called"
    )]
    pub(super) fn add_at_once(&self, value: Value) -> Option<bool> {
        if self.state.load(Ordering::Relaxed) != USED {
            return None;
        }
        Some(self.add(value))
    }

    #[inline]
    fn touch(&self) -> bool {
        self.state.fetch_or(USED, Ordering::AcqRel);
        true
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    pub(super) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Moves what it has into `total`: false where nothing was measured since the last time. Called under the series' lock.
    pub(super) fn take(&self, total: &mut Total) -> bool {
        // First, so that a measurement that this does not see any more is seen as the first of the next time.
        let was_used = self.state.fetch_and(!USED, Ordering::AcqRel) & USED != 0;
        let has_more = match (&self.values, total) {
            (Values::Sum { added, taken }, Total::Count(sum)) => {
                let more = news(added, taken);
                *sum = sum.wrapping_add(more);
                more != 0
            }
            (Values::Sum { added, taken }, Total::Change(sum)) => {
                let more = news(added, taken);
                *sum = sum.wrapping_add_unsigned(more);
                more != 0
            }
            (Values::Distribution(recorder), Total::Distribution(total)) => recorder.take(total),
            // The total has it.
            _ => false,
        };
        was_used || has_more
    }

    /// Whether nothing was measured since it was taken from.
    pub(super) fn is_idle(&self) -> bool {
        let has_more = match &self.values {
            Values::Latest(_) => false,
            Values::Sum { added, taken } => {
                added.load(Ordering::Relaxed) != taken.load(Ordering::Relaxed)
            }
            Values::Distribution(recorder) => !recorder.is_empty(),
        };
        !has_more && self.state.load(Ordering::Acquire) & USED == 0
    }
}

fn news(added: &AtomicU64, taken: &AtomicU64) -> u64 {
    let now = added.load(Ordering::Relaxed);
    now.wrapping_sub(taken.swap(now, Ordering::Relaxed))
}

/// A plain addition: nobody else writes.
#[inline]
fn grow(sum: &AtomicU64, by: u64) {
    let sum_now = sum.load(Ordering::Relaxed);
    sum.store(sum_now.wrapping_add(by), Ordering::Relaxed);
}
