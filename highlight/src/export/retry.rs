//! When to try again: exponential backoff with jitter.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses between failed attempts: half a second, doubling, at most thirty seconds, each shortened by up to a half at
/// random so that many services do not return at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    seed: RandomState,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures += 1;
        let draw = self.seed.hash_one(self.failures) % 1_000;
        longest.mul_f64(0.5 + f64::from(u32::try_from(draw).unwrap_or(0)) / 2_000.0)
    }

    pub(crate) fn reset(&mut self) {
        *self = Backoff::default();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        for (attempt, limit) in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
            .into_iter()
            .enumerate()
        {
            let pause = backoff.next().as_secs_f64();
            assert!(pause <= limit && pause >= limit / 2.0, "{attempt}: {pause}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
