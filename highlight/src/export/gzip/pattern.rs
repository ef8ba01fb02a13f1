//! What records of a kind have in common at the same places: found in two of them, and mostly so in the next.

use std::ops::Range;

use super::repeats::alike;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// Of a record.
    length: usize,
    runs: Vec<Range<usize>>,
}

impl Pattern {
    /// Whether these two have in common what others had. They may have more, which is left.
    #[inline]
    pub(super) fn is_that_of(&self, one: &[u8], other: &[u8]) -> bool {
        let is_same = |run: &Range<usize>| one.get(run.clone()) == other.get(run.clone());
        self.length == other.len() && self.runs.iter().all(is_same)
    }

    /// Takes what these two have in common, which are equally long.
    pub(super) fn learn(&mut self, one: &[u8], other: &[u8]) {
        self.length = other.len();
        self.runs.clear();
        let mut done = 0;
        while let Some((at, length)) = alike(one, other, done) {
            done = at + length;
            self.runs.push(at..done);
        }
    }

    /// In their order.
    pub(super) fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_that_of_whoever_has_the_same_in_common() {
        let mut pattern = Pattern::default();
        let [one, other] = [b"name 17 at 12:30:01 in", b"name 23 at 12:30:02 in"];
        assert!(!pattern.is_that_of(one, other));
        pattern.learn(one, other);
        assert_eq!(pattern.runs(), [0..5, 7..18]);
        assert!(pattern.is_that_of(one, other));
        assert!(pattern.is_that_of(other, b"name 99 at 12:30:02 in"));
        assert!(!pattern.is_that_of(other, b"name 23 at 12:31:02 in"));
        assert!(!pattern.is_that_of(other, b"name 23 at 12:30:02 in it"));
        pattern.learn(b"abc", b"abd");
        assert!(pattern.runs().is_empty());
    }
}
