//! The distribution of a histogram's values.

use std::sync::Arc;

/// The upper bounds of buckets where none are asked for: the OpenTelemetry SDK's.
pub(super) const DEFAULT_BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0,
    7_500.0, 10_000.0,
];

/// Values that are counted at a time, at most: so many share the price of finding their buckets.
pub(super) const FEW: usize = 64;

/// As many, none of which counts.
pub(super) const NONE: [f64; FEW] = [f64::INFINITY; FEW];

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
        for some in values.chunks(FEW) {
            let mut few = NONE;
            few[..some.len()].copy_from_slice(some);
            self.add_few(&few, some.len());
        }
    }

    /// Takes so many of them, at least one. The others are infinite.
    pub(super) fn add_few(&mut self, few: &[f64; FEW], count: usize) {
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
    fn fill(&mut self, first: usize, last: usize, few: &[f64; FEW], count: usize) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        for number in 0..3 * FEW {
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
