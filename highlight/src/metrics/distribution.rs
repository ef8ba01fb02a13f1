//! The distribution of a histogram's values, and how a thread takes values into one without waiting for anybody.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::export::buffer::lock;

/// The upper bounds of buckets where none are asked for: the OpenTelemetry SDK's.
pub(super) const DEFAULT_BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0,
    7_500.0, 10_000.0,
];

/// Values that a thread records before it counts them: so many share the price of the lock.
const ROOM: usize = 8;

/// The upper bounds of buckets, increasing, and after them infinite ones, so that there are whole fours.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    padded: Arc<[[f64; FOUR]]>,
    count: usize,
}

/// Bounds that are compared with a value at a time.
const FOUR: usize = 4;

impl Bounds {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let four = |some: &[f64]| {
            let mut four = [f64::INFINITY; FOUR];
            four[..some.len()].copy_from_slice(some);
            four
        };
        Bounds {
            padded: bounds.chunks(FOUR).map(four).collect(),
            count: bounds.len(),
        }
    }

    /// How many of them are below the value, which is finite.
    #[inline]
    fn below(&self, value: f64) -> usize {
        /// All of so few are through before a search is.
        const FEW: usize = 8;
        if self.padded.len() > FEW {
            let all = self.padded.as_flattened();
            return all.partition_point(|bound| *bound < value);
        }
        let mut below = [0; FOUR];
        for four in &*self.padded {
            for (count, bound) in below.iter_mut().zip(four) {
                *count += usize::from(*bound < value);
            }
        }
        below.iter().sum()
    }

    fn given(&self) -> &[f64] {
        &self.padded.as_flattened()[..self.count]
    }
}

/// What values come to.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    bounds: Bounds,
    /// One more than there are bounds; none where there are no bounds, as in OpenTelemetry's SDK.
    buckets: Box<[u64]>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Distribution {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let buckets = match bounds.count {
            0 => 0,
            bounds => bounds + 1,
        };
        Distribution {
            bounds: bounds.clone(),
            buckets: vec![0; buckets].into(),
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    pub(super) fn add(&mut self, values: impl ExactSizeIterator<Item = f64>) {
        self.count += values.len() as u64;
        let (mut sum, mut min, mut max) = (self.sum, self.min, self.max);
        for value in values {
            if let Some(count) = self.buckets.get_mut(self.bounds.below(value)) {
                *count += 1;
            }
            sum += value;
            min = if value < min { value } else { min };
            max = if value > max { value } else { max };
        }
        (self.sum, self.min, self.max) = (sum, min, max);
    }

    /// Takes all that `other` has, which is empty then: false where it was before. Both have the same bounds.
    pub(super) fn absorb(&mut self, other: &mut Self) -> bool {
        if other.is_empty() {
            return false;
        }
        for (count, more) in self.buckets.iter_mut().zip(&mut other.buckets) {
            *count += std::mem::take(more);
        }
        self.count += std::mem::take(&mut other.count);
        self.sum += std::mem::take(&mut other.sum);
        self.min = self
            .min
            .min(std::mem::replace(&mut other.min, f64::INFINITY));
        let max = std::mem::replace(&mut other.max, f64::NEG_INFINITY);
        self.max = self.max.max(max);
        true
    }

    /// Takes what it has.
    pub(super) fn take(&mut self) -> Self {
        let empty = Distribution::new(&self.bounds);
        std::mem::replace(self, empty)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn same_bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub(crate) fn bounds(&self) -> &[f64] {
        self.bounds.given()
    }

    pub(crate) fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    /// The smallest value; infinite where there is none.
    pub(crate) fn min(&self) -> f64 {
        self.min
    }

    /// The largest.
    pub(crate) fn max(&self) -> f64 {
        self.max
    }
}

/// Takes the values of one thread. They are written down, and counted when the place for them is full, or when somebody wants to know:
/// so each is counted once, by one of the two, and what is written down is never in between.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Values that were written down, ever. The thread alone writes it.
    written: AtomicUsize,
    values: [AtomicU64; ROOM],
    /// Apart: only one in so many touches it.
    counted: Box<Mutex<Counted>>,
}

#[derive(Debug)]
struct Counted {
    /// Of the values that were written down.
    until: usize,
    distribution: Distribution,
}

impl Recorder {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Recorder {
            written: AtomicUsize::new(0),
            values: [const { AtomicU64::new(0) }; ROOM],
            counted: Box::new(Mutex::new(Counted {
                until: 0,
                distribution: Distribution::new(bounds),
            })),
        }
    }

    /// Called by its thread only.
    #[inline]
    pub(super) fn add(&self, value: f64) {
        let at = self.written.load(Ordering::Relaxed);
        self.values[at % ROOM].store(value.to_bits(), Ordering::Relaxed);
        let written = at.wrapping_add(1);
        self.written.store(written, Ordering::Release);
        // A value is written over by the one that comes after the next time of this.
        if written.is_multiple_of(ROOM) {
            self.make_room();
        }
    }

    #[inline(never)]
    fn make_room(&self) {
        drop(self.count());
    }

    /// Moves what it has into `total`: false where that is nothing.
    pub(super) fn take(&self, total: &mut Distribution) -> bool {
        total.absorb(&mut self.count().distribution)
    }

    /// Whether it has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.count().distribution.is_empty()
    }

    fn count(&self) -> MutexGuard<'_, Counted> {
        let mut counted = lock(&*self.counted);
        let written = self.written.load(Ordering::Acquire);
        // They are never more than there is room for, from the first place on.
        let from = counted.until % ROOM;
        let new = written.wrapping_sub(counted.until);
        if let Some(new) = self.values.get(from..from + new) {
            let value = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
            counted.distribution.add(new.iter().map(value));
            counted.until = written;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_once_whoever_counts_them() {
        let bounds = Bounds::new(&[10.0, 100.0]);
        let recorder = Recorder::new(&bounds);
        let mut total = Distribution::new(&bounds);
        let mut intervals = Vec::new();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| (1..=100_000).for_each(|value| recorder.add(value.into())));
            while !thread.is_finished() {
                let mut interval = Distribution::new(&bounds);
                recorder.take(&mut interval);
                intervals.push(interval);
            }
        });
        recorder.take(&mut total);
        assert!(recorder.is_empty());
        intervals.push(total);
        let mut last = 0.0;
        let mut buckets = [0; 3];
        for interval in intervals.iter().filter(|interval| !interval.is_empty()) {
            assert_eq!(interval.buckets.iter().sum::<u64>(), interval.count());
            // The values come one by one, so the smallest of an interval follows the largest of the one before.
            assert_eq!(interval.min().to_bits(), f64::to_bits(last + 1.0));
            last = interval.max();
            for (sum, count) in buckets.iter_mut().zip(interval.buckets()) {
                *sum += count;
            }
        }
        assert_eq!(last.to_bits(), f64::to_bits(100_000.0));
        assert_eq!(buckets, [10, 90, 99_900]);
        let sum: f64 = intervals.iter().map(Distribution::sum).sum();
        assert_eq!(sum.to_bits(), f64::to_bits(5_000_050_000.0));
    }

    #[test]
    fn a_value_on_a_bound_is_below_it_and_without_bounds_there_are_no_buckets() {
        let of = |bounds: &[f64]| Distribution::new(&Bounds::new(bounds));
        let (mut bounded, mut unbounded) = (of(&[1.0, 2.0]), of(&[]));
        let values = [-1.0, 1.0, 1.5, 2.0, 2.5];
        bounded.add(values.into_iter());
        unbounded.add(values.into_iter());
        assert_eq!(bounded.buckets(), [2, 2, 1]);
        assert_eq!(unbounded.buckets(), [0; 0]);
        assert_eq!((bounded.count(), unbounded.count()), (5, 5));
    }

    #[test]
    fn the_bucket_is_found_among_any_number_of_bounds() {
        for number in 0..100 {
            let bounds: Vec<_> = (0..number).map(f64::from).collect();
            let of = Bounds::new(&bounds);
            assert_eq!(of.given(), bounds);
            for value in (-1..=number).map(f64::from) {
                for value in [value, value + 0.5, value * 1e9] {
                    let expected = bounds.iter().filter(|bound| **bound < value).count();
                    assert_eq!(of.below(value), expected, "{value} of {number}");
                }
            }
        }
    }
}
