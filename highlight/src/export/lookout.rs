//! When the worker looks for errors that wait.
//!
//! The first error after a while has the worker [woken](super::alarm). Where errors come one after another, whoever has one would set
//! that alarm for each, and each would leave in a request of its own. So the worker goes on looking by itself for as long as there are
//! some, and who has an error leaves it there and does nothing else.

use std::time::Duration;

use tokio::time::Instant;

/// From one look to the next. A shorter batch delay is the longest that anything waits.
const PAUSE: Duration = Duration::from_millis(50);

/// After so many looks in vain an error has to wake the worker again.
const IN_VAIN: u8 = 3;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookout {
    /// An error has to wake the worker.
    #[default]
    Over,
    /// The next look is due then, after so many in vain.
    At(Instant, u8),
    /// Errors wait until a batch of them can leave.
    Found,
}

impl Lookout {
    pub(super) fn is_over(self) -> bool {
        self == Lookout::Over
    }

    pub(super) fn next(self) -> Option<Instant> {
        match self {
            Lookout::At(next, _) => Some(next),
            Lookout::Over | Lookout::Found => None,
        }
    }

    pub(super) fn begin(&mut self, at: Instant) {
        *self = Lookout::At(at, 0);
    }

    /// True when errors wait. `look` tells whether there are some; it is asked only when a look is due.
    pub(super) fn finds(&mut self, now: Instant, delay: Duration, look: impl Fn() -> bool) -> bool {
        if let Lookout::At(next, in_vain) = *self
            && next <= now
        {
            *self = if look() {
                Lookout::Found
            } else if in_vain + 1 < IN_VAIN {
                Lookout::At(now + PAUSE.min(delay), in_vain + 1)
            } else {
                Lookout::Over
            };
        }
        *self == Lookout::Found
    }

    /// What waited was taken, `some` errors or none: there may be more soon.
    pub(super) fn taken(&mut self, some: bool, now: Instant, delay: Duration) {
        if some || *self == Lookout::Found {
            *self = Lookout::At(now + PAUSE.min(delay), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(5);

    #[test]
    fn it_goes_on_while_there_are_errors_and_ends_soon_after_the_last() {
        let mut now = Instant::now();
        let mut lookout = Lookout::default();
        assert!(!lookout.finds(now, DELAY, || true), "nobody said so");
        lookout.begin(now);
        for _ in 0..10 {
            assert!(lookout.finds(now, DELAY, || true));
            assert!(lookout.finds(now, DELAY, || false), "they wait");
            lookout.taken(true, now, DELAY);
            assert_eq!(lookout.next(), Some(now + PAUSE));
            assert!(!lookout.finds(now, DELAY, || true), "not due");
            now += PAUSE;
        }
        for _ in 0..IN_VAIN {
            assert!(!lookout.is_over());
            assert!(!lookout.finds(now, DELAY, || false));
            lookout.taken(false, now, DELAY);
            now += PAUSE;
        }
        assert!(lookout.is_over());
    }

    #[test]
    fn nothing_waits_longer_than_a_batch() {
        let now = Instant::now();
        let delay = Duration::from_millis(1);
        let mut lookout = Lookout::Found;
        lookout.taken(false, now, delay);
        assert_eq!(lookout.next(), Some(now + delay));
    }
}
