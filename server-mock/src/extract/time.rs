//! Timestamps, kept near the time of receipt.

use std::time::{SystemTime, UNIX_EPOCH};

/// Thirty days, in nanoseconds: as long as rows are kept.
const FARTHEST: u64 = 30 * 24 * 60 * 60 * 1_000_000_000;

/// The first of `sent` that is set, or the time of receipt when there is none or it is more than 30 days away from it.
pub(super) fn stamp(sent: &[u64], received_ns: i64) -> i64 {
    sent.iter()
        .find(|time| **time != 0)
        .and_then(|time| i64::try_from(*time).ok())
        .filter(|time| time.abs_diff(received_ns) <= FARTHEST)
        .unwrap_or(received_ns)
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{FARTHEST, stamp};

    #[test]
    fn the_first_set_time_counts_when_it_is_near() {
        let now = 1_800_000_000_000_000_000;
        let near = now - 5;
        for (sent, expected) in [
            (&[near, 7][..], near),
            (&[0, near], near),
            (&[0, 0], now),
            (&[1], now),
            (&[now + FARTHEST], now + FARTHEST),
            (&[now + FARTHEST + 1], now),
            (&[u64::MAX], now),
        ] {
            assert_eq!(
                stamp(sent, now.cast_signed()),
                expected.cast_signed(),
                "{sent:?}"
            );
        }
    }
}
