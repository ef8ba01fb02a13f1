//! The rules that were read from the tables, by address, for all threads.

use std::sync::atomic::{AtomicU64, Ordering};

use super::rule::Rule;
use super::tables;

/// Places in the table: 32 KiB, of which a page is in memory once an address in it was met.
const PLACES: usize = 2_048;

/// A rule, and its address combined with it: halves written by two threads do not fit together, so nobody waits for anybody.
struct Place {
    combined: AtomicU64,
    rule: AtomicU64,
}

static TABLE: [Place; PLACES] = [const {
    Place {
        combined: AtomicU64::new(0),
        rule: AtomicU64::new(0),
    }
}; PLACES];

/// How many modules had been unloaded when the table was last found valid.
static UNLOADED: AtomicU64 = AtomicU64::new(0);

/// The rule for `address`; none when its tables cannot be read.
#[inline]
pub(super) fn rule(address: u64) -> Option<Rule> {
    let place = place(address);
    let rule = place.rule.load(Ordering::Relaxed);
    // A place that is empty looks like the rule of address zero.
    if place.combined.load(Ordering::Relaxed) ^ rule == address && address != 0 {
        return Some(Rule::from_bits(rule));
    }
    learn(address, place)
}

#[inline]
fn place(address: u64) -> &'static Place {
    // Fibonacci hashing: the upper bits of the product depend on all of the address.
    let hash = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    &TABLE[hash as usize % PLACES]
}

#[cold]
fn learn(address: u64, place: &Place) -> Option<Rule> {
    let found = tables::look_up(address)?;
    forget_what_was_unloaded(found.unloaded);
    let rule = found.rule.bits();
    place.rule.store(rule, Ordering::Relaxed);
    place.combined.store(address ^ rule, Ordering::Relaxed);
    Some(found.rule)
}

/// To be given to [`are_still_valid`] later.
#[inline]
pub(super) fn unloaded() -> u64 {
    UNLOADED.load(Ordering::Relaxed)
}

/// False when a module was unloaded since the rules were remembered that are in use from `then` on.
#[cold]
pub(super) fn are_still_valid(then: u64) -> bool {
    tables::unloaded().is_some_and(|now| {
        forget_what_was_unloaded(now);
        now == then
    })
}

fn forget_what_was_unloaded(count: u64) {
    if UNLOADED.swap(count, Ordering::Relaxed) != count {
        for place in &TABLE {
            place.combined.store(0, Ordering::Relaxed);
            place.rule.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_once() {
        let address = learn as *const () as u64;
        let found = rule(address).unwrap();
        let place = place(address);
        assert_eq!(
            place.combined.load(Ordering::Relaxed) ^ found.bits(),
            address
        );
        assert_eq!(rule(address), Some(found));
        assert_eq!(rule(0), None, "no place is filled");
        assert_eq!(rule(1), None, "no module is there");
    }

    #[test]
    fn rules_are_forgotten_once_a_module_was_unloaded() {
        let now = tables::unloaded().unwrap();
        let address = forget_what_was_unloaded as *const () as u64;
        rule(address).unwrap();
        assert!(are_still_valid(now));
        assert!(!are_still_valid(now + 1));
        forget_what_was_unloaded(now + 1);
        forget_what_was_unloaded(now);
        assert_eq!(place(address).combined.load(Ordering::Relaxed), 0);
    }
}
