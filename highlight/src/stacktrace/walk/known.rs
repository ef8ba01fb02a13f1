//! The rules that were read from the tables, by address, for all threads.

use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};

use super::rule::Rule;
use super::{native, tables};

/// Rules that are kept, the oldest giving way: 32 KiB, of which a page is in memory once it is needed.
const KEPT: usize = 2_048;

/// A rule, and its address combined with it: halves written by two threads do not fit together, so nobody waits for anybody.
struct Kept {
    combined: AtomicU64,
    rule: AtomicU64,
}

/// In the order in which they were read. Those of one stack stand one behind the other, so that whoever walks it again, with nothing
/// of this in the processor's caches, reads memory in its order.
static RULES: [Kept; KEPT] = [const {
    Kept {
        combined: AtomicU64::new(0),
        rule: AtomicU64::new(0),
    }
}; KEPT];

/// Where the next one is put, counted on and on.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Where an address was put, by a hash of it.
static PLACES: [AtomicU16; 2 * KEPT] = [const { AtomicU16::new(0) }; 2 * KEPT];

/// How many modules had been unloaded when the rules were last found valid.
static UNLOADED: AtomicU64 = AtomicU64::new(0);

/// The rules that a walk needs, one after the other.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Where the next one is if this stack was walked before.
    next: usize,
}

impl Rules {
    /// The rule for `address`; none when its tables cannot be read.
    #[inline]
    pub(super) fn of(&mut self, address: u64) -> Option<Rule> {
        let (place, rule) = match kept(self.next, address) {
            Some(rule) => (self.next, rule),
            None => find(address)?,
        };
        self.next = place + 1;
        Some(rule)
    }
}

#[inline]
fn kept(place: usize, address: u64) -> Option<Rule> {
    let kept = &RULES[place % KEPT];
    let rule = kept.rule.load(Ordering::Relaxed);
    // A place that is empty looks like the rule of address zero.
    let fits = kept.combined.load(Ordering::Relaxed) ^ rule == address && address != 0;
    fits.then(|| Rule::from_bits(rule))
}

fn find(address: u64) -> Option<(usize, Rule)> {
    let place = place_of(address).load(Ordering::Relaxed).into();
    match kept(place, address) {
        Some(rule) => Some((place, rule)),
        None => learn(address),
    }
}

fn place_of(address: u64) -> &'static AtomicU16 {
    // Fibonacci hashing: the upper bits of the product depend on all of the address.
    let hash = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    &PLACES[native(hash) % PLACES.len()]
}

#[cold]
fn learn(address: u64) -> Option<(usize, Rule)> {
    let found = tables::look_up(address)?;
    forget_what_was_unloaded(found.unloaded);
    let place = NEXT.fetch_add(1, Ordering::Relaxed) % KEPT;
    let (kept, rule) = (&RULES[place], found.rule.bits());
    kept.rule.store(rule, Ordering::Relaxed);
    kept.combined.store(address ^ rule, Ordering::Relaxed);
    // They are 2,048.
    let short = u16::try_from(place).unwrap_or_default();
    place_of(address).store(short, Ordering::Relaxed);
    Some((place, found.rule))
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
        for kept in &RULES {
            kept.combined.store(0, Ordering::Relaxed);
            kept.rule.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(address: u64) -> Option<Rule> {
        Rules::default().of(address)
    }

    /// Where it is, if it is kept.
    fn place(address: u64) -> Option<usize> {
        let place = place_of(address).load(Ordering::Relaxed).into();
        kept(place, address).map(|_| place)
    }

    #[test]
    fn a_rule_is_read_once() {
        let address = learn as *const () as u64;
        let found = rule(address).unwrap();
        let first = place(address).unwrap();
        assert_eq!(rule(address), Some(found));
        assert_eq!(place(address), Some(first));
        assert_eq!(rule(0), None, "no place is filled");
        assert_eq!(rule(1), None, "no module is there");
    }

    #[test]
    fn the_rules_of_a_stack_are_found_whichever_was_read_first() {
        let start = find as *const () as u64;
        let addresses: Vec<_> = (start..start + 64).collect();
        let read = |addresses: &[u64]| -> Vec<_> {
            let mut rules = Rules::default();
            addresses.iter().map(|at| rules.of(*at)).collect()
        };
        let found = read(&addresses);
        assert_eq!(read(&addresses), found);
        let (mut turned, mut found_turned) = (addresses, found);
        turned.reverse();
        found_turned.reverse();
        assert_eq!(read(&turned), found_turned);
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
        assert_eq!(place(address), None);
    }
}
