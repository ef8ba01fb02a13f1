//! The distribution of a histogram's values, and how a thread takes values into one without waiting for anybody.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use crate::export::buffer::lock;

/// The upper bounds of buckets where none are asked for: the OpenTelemetry SDK's.
pub(super) const DEFAULT_BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0,
    7_500.0, 10_000.0,
];

/// Values that a thread records before it counts them: so many share the price of the lock, and of finding their buckets.
const ROOM: usize = 64;

/// As many as there is room for, none of which counts.
const NONE: [f64; ROOM] = [f64::INFINITY; ROOM];

/// The upper bounds of buckets, finite and increasing.
#[derive(Debug, Clone)]
pub(super) struct Bounds(Arc<[f64]>);

impl Bounds {
    pub(super) fn new(bounds: &[f64]) -> Self {
        Bounds(bounds.into())
    }

    /// How many of them are below the value, which is finite.
    fn below(&self, value: f64) -> usize {
        self.0.partition_point(|bound| *bound < value)
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
        let buckets = match bounds.0.len() {
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

    pub(super) fn add(&mut self, values: &[f64]) {
        for some in values.chunks(ROOM) {
            let mut few = NONE;
            few[..some.len()].copy_from_slice(some);
            self.add_few(&few, some.len());
        }
    }

    /// Takes so many of them, at least one. The others are infinite.
    fn add_few(&mut self, few: &[f64; ROOM], count: usize) {
        let values = &few[..count];
        let (mut sum, mut min, mut max) = (self.sum, f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            sum += value;
            min = if *value < min { *value } else { min };
            max = if *value > max { *value } else { max };
        }
        self.sum = sum;
        self.count += values.len() as u64;
        self.min = if min < self.min { min } else { self.min };
        self.max = if max > self.max { max } else { self.max };
        if !self.buckets.is_empty() {
            let (first, last) = (self.bounds.below(min), self.bounds.below(max));
            self.fill(first, last, few, count);
        }
    }

    /// Counts values that are all in these buckets and between them. Mostly they are close to each other, so that there are few bounds
    /// to compare them with.
    fn fill(&mut self, first: usize, last: usize, few: &[f64; ROOM], count: usize) {
        /// A search for each value is shorter than comparing all with so many bounds.
        const MANY: usize = 24;
        let bounds = &self.bounds.0[first..last];
        if bounds.len() > MANY {
            for value in &few[..count] {
                self.buckets[first + bounds.partition_point(|bound| bound < value)] += 1;
            }
            return;
        }
        let mut counted = 0;
        for (bucket, bound) in self.buckets[first..].iter_mut().zip(bounds) {
            let up_to = few.iter().filter(|value| *value <= bound).count() as u64;
            *bucket += up_to - counted;
            counted = up_to;
        }
        self.buckets[last] += count as u64 - counted;
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
        &self.bounds.0
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
    /// Where somebody counts.
    process: u32,
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
            process: std::process::id(),
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
        let is_taken = matches!(self.counted.try_lock(), Err(TryLockError::WouldBlock));
        // In a forked child there may be nobody to give it back, and nobody who wants to know.
        if !is_taken || std::process::id() == self.process {
            drop(self.count());
        }
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
        let new = from..from + written.wrapping_sub(counted.until);
        if !new.is_empty() && new.end <= ROOM {
            let count = new.len();
            let mut few = NONE;
            for (value, written) in few.iter_mut().zip(&self.values[new]) {
                *value = f64::from_bits(written.load(Ordering::Relaxed));
            }
            counted.distribution.add_few(&few, count);
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
    fn in_a_forked_child_nobody_waits_for_who_counted_in_its_parent() {
        let mut recorder = Recorder::new(&Bounds::new(&[]));
        recorder.process = 0;
        let counting = recorder.count();
        for value in 0..1_000 {
            recorder.add(value.into());
        }
        drop(counting);
        assert!(recorder.is_empty());
    }

    #[test]
    fn no_value_is_written_over_wherever_it_was_counted_last() {
        let bounds = Bounds::new(&[]);
        for first in 0..=ROOM {
            for then in [ROOM - 1, ROOM, ROOM + 1, 3 * ROOM] {
                let (recorder, mut all) = (Recorder::new(&bounds), Distribution::new(&bounds));
                let mut next = 0.0;
                for number in [first, then] {
                    for _ in 0..number {
                        recorder.add(next);
                        next += 1.0;
                    }
                    recorder.take(&mut all);
                }
                assert_eq!(all.count(), (first + then) as u64);
                assert_eq!(all.sum().to_bits(), f64::to_bits(next * (next - 1.0) / 2.0));
            }
        }
    }

    #[test]
    fn a_value_on_a_bound_is_below_it_and_without_bounds_there_are_no_buckets() {
        let of = |bounds: &[f64]| Distribution::new(&Bounds::new(bounds));
        let (mut bounded, mut unbounded) = (of(&[1.0, 2.0]), of(&[]));
        let values = [-1.0, 1.0, 1.5, 2.0, 2.5];
        bounded.add(&values);
        unbounded.add(&values);
        assert_eq!(bounded.buckets(), [2, 2, 1]);
        assert_eq!(unbounded.buckets(), [0; 0]);
        assert_eq!((bounded.count(), unbounded.count()), (5, 5));
    }

    #[test]
    fn the_bucket_is_found_among_any_number_of_bounds() {
        for number in 0..100 {
            let bounds: Vec<_> = (0..number).map(f64::from).collect();
            let of = Bounds::new(&bounds);
            let mut all = Distribution::new(&of);
            let mut values = Vec::new();
            for value in (-1..=number).map(f64::from) {
                for value in [value, value + 0.5, value * 1e9] {
                    let mut alone = Distribution::new(&of);
                    alone.add(&[value]);
                    assert_eq!(alone.buckets(), buckets(&bounds, &[value]));
                    values.push(value);
                }
            }
            all.add(&values);
            assert_eq!(all.buckets(), buckets(&bounds, &values));
        }
    }

    /// Counted one by one.
    fn buckets(bounds: &[f64], values: &[f64]) -> Vec<u64> {
        let buckets = if bounds.is_empty() {
            0
        } else {
            bounds.len() + 1
        };
        let mut buckets = vec![0; buckets];
        for value in values {
            let below = bounds.iter().filter(|bound| *bound < value).count();
            if let Some(count) = buckets.get_mut(below) {
                *count += 1;
            }
        }
        buckets
    }

    #[test]
    fn values_taken_together_come_to_what_they_come_to_one_by_one() {
        let bounds = Bounds::new(&DEFAULT_BOUNDS);
        let mut state = 1_u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 12) / 64.0 - 100.0
        };
        for number in 0..3 * ROOM {
            for spread in [1.0, 0.01, 0.0] {
                let values: Vec<_> = (0..number).map(|_| random() * spread).collect();
                let (mut together, mut one_by_one) =
                    (Distribution::new(&bounds), Distribution::new(&bounds));
                together.add(&values);
                for value in &values {
                    one_by_one.add(&[*value]);
                }
                assert_eq!(together.buckets(), one_by_one.buckets());
                assert_eq!(together.buckets(), buckets(&DEFAULT_BOUNDS, &values));
                let rest = |of: &Distribution| {
                    let bits = [of.sum(), of.min(), of.max()].map(f64::to_bits);
                    (of.count(), bits)
                };
                assert_eq!(rest(&together), rest(&one_by_one));
            }
        }
    }
}
