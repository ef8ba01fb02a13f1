//! What records of a kind have in common at the same places: found in two of them, and mostly so in the next.

use super::codes::{self, Step};
use super::repeats::alike;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// For each byte of a record: all bits where it is the same, none where not.
    same: Vec<u8>,
    /// How far the records are from each other.
    distance: usize,
    /// How such a record is written.
    steps: Vec<Step>,
}

impl Pattern {
    /// Whether these two, so far from each other, have in common what others had. They may have more, which is left.
    #[inline]
    pub(super) fn is_that_of(&self, one: &[u8], other: &[u8], distance: usize) -> bool {
        if self.same.len() != other.len() || one.len() != other.len() || self.distance != distance {
            return false;
        }
        let pairs = one.iter().zip(other).zip(&self.same);
        pairs.fold(0, |all, ((a, b), same)| all | (a ^ b) & same) == 0
    }

    /// Takes what these two have in common, which are equally long.
    pub(super) fn learn(&mut self, one: &[u8], other: &[u8], distance: usize) {
        self.distance = distance;
        self.same.clear();
        self.same.resize(other.len(), 0);
        self.steps.clear();
        let mut done = 0;
        while let Some((at, length)) = alike(one, other, done) {
            self.same[at..at + length].fill(u8::MAX);
            codes::steps(at - done, length, distance, &mut self.steps);
            done = at + length;
        }
    }

    /// In their order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_that_of_whoever_has_the_same_in_common() {
        let mut pattern = Pattern::default();
        let [one, other] = [b"name 17 at 12:30:01 in", b"name 23 at 12:30:02 in"];
        assert!(!pattern.is_that_of(one, other, 22));
        pattern.learn(one, other, 22);
        let same: Vec<_> = (0..22)
            .map(|at| {
                if matches!(at, 5 | 6 | 18..) {
                    0
                } else {
                    u8::MAX
                }
            })
            .collect();
        assert_eq!((&pattern.same, pattern.steps.len()), (&same, 2));
        assert!(pattern.is_that_of(one, other, 22));
        assert!(!pattern.is_that_of(one, other, 23));
        assert!(pattern.is_that_of(other, b"name 99 at 12:30:02 in", 22));
        assert!(!pattern.is_that_of(other, b"name 23 at 12:31:02 in", 22));
        assert!(!pattern.is_that_of(other, b"name 23 at 12:30:02 in it", 22));
        pattern.learn(b"abc", b"abd", 3);
        assert!(pattern.steps().is_empty());
    }
}
