//! How a thread takes values into a distribution without waiting for anybody.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::distribution::{Bounds, Distribution, FEW, NONE};
use crate::export::buffer::lock;

/// Values that a thread records before it counts them: so many share the price of the lock.
const ROOM: usize = FEW;

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
            assert_eq!(interval.buckets().iter().sum::<u64>(), interval.count());
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
}
