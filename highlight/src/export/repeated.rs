//! Errors that come again: a storm of errors is mostly one error, and to write it costs a copy.

use std::hash::BuildHasher as _;
use std::mem;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::packed::{Own, Packed};
use super::told::Told;

/// Bytes that are remembered before all are forgotten. They are beside the budget, as what is forgotten is until the records that end with
/// it are compressed.
const MAX_KNOWN: usize = 512 * 1024;
/// Errors that came lately, of which one is remembered when it comes again; a power of two.
const LATELY: usize = 64;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Repeated {
    known: Vec<Known>,
    /// Where they are.
    places: HashTable<usize>,
    /// Of the last error, if it is known.
    last: Option<usize>,
    hashes: RandomState,
    /// By hash.
    lately: [u64; LATELY],
    /// Memory of the known ones, in bytes.
    size: usize,
}

#[derive(Debug)]
struct Known {
    hash: u64,
    error: Own,
    told: Told,
}

impl Repeated {
    pub(super) fn new() -> Self {
        Repeated {
            known: Vec::new(),
            places: HashTable::new(),
            last: None,
            hashes: RandomState::default(),
            lately: [0; LATELY],
            size: 0,
        }
    }

    /// Works on what was made of an equal error before, or on what is made now. That it `is_again` the one before is known sometimes.
    #[inline]
    pub(super) fn with(
        &mut self,
        error: &Packed<'_>,
        is_again: bool,
        make: impl FnOnce() -> Told,
        work: impl FnOnce(&Told),
    ) {
        let last = self.last.filter(|_| is_again);
        if let Some(known) = last.and_then(|last| self.known.get(last)) {
            return work(&known.told);
        }
        let hash = self.hashes.hash_one(error);
        let is_it = |place: &usize| {
            let known = self.known.get(*place);
            known.is_some_and(|known| known.error.as_packed() == *error)
        };
        self.last = self.places.find(hash, is_it).copied();
        if let Some(known) = self.last.and_then(|last| self.known.get(last)) {
            return work(&known.told);
        }
        let told = make();
        work(&told);
        let [lowest, ..] = hash.to_le_bytes();
        let lately = &mut self.lately[usize::from(lowest) % LATELY];
        // Most of those that differ each time never come again.
        if mem::replace(lately, hash) == hash {
            self.remember(hash, error.to_own(), told);
        }
    }

    #[cold]
    fn remember(&mut self, hash: u64, error: Own, mut told: Told) {
        told.share();
        let known = Known { hash, error, told };
        let size = known.size();
        if self.size + size > MAX_KNOWN {
            self.known.clear();
            self.places.clear();
            self.size = 0;
        }
        self.size += size;
        let place = self.known.len();
        self.known.push(known);
        let known = &self.known;
        let hash_of = |place: &usize| known.get(*place).map_or(0, |known| known.hash);
        self.places.insert_unique(hash, place, hash_of);
        self.last = Some(place);
    }
}

impl Known {
    /// Memory, in bytes.
    fn size(&self) -> usize {
        size_of::<Self>() + size_of::<usize>() + self.error.size() + self.told.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Draft;
    use crate::export::stacks::{StackStyle, Stacks};
    use crate::scrub::Scrub;
    use crate::stacktrace::StackForm;

    /// Says whether it was made now.
    fn comes(repeated: &mut Repeated, stacks: &mut Stacks, message: &str) -> bool {
        told(repeated, stacks, message, false)
    }

    fn told(repeated: &mut Repeated, stacks: &mut Stacks, message: &str, is_again: bool) -> bool {
        let draft = Draft::of(&std::io::Error::other(message.to_owned()));
        let error = Packed::of(&draft).unwrap();
        let mut is_new = false;
        let fresh = |stacks: &mut Stacks| Told::of(&error.report(), stacks, &Scrub::default());
        let expected = fresh(stacks);
        let make = || {
            is_new = true;
            fresh(stacks)
        };
        repeated.with(&error, is_again, make, |told| {
            assert_eq!(told.parts(), expected.parts());
        });
        is_new
    }

    fn stacks() -> Stacks {
        Stacks::new(StackStyle {
            form: StackForm::Go,
            source_context: false,
        })
    }

    #[test]
    fn what_comes_a_third_time_is_written_no_more() {
        let (mut repeated, mut stacks) = (Repeated::new(), stacks());
        let mut made = Vec::new();
        for message in ["a", "a", "a", "b", "b", "a", "b", "c"] {
            made.push(comes(&mut repeated, &mut stacks, message));
        }
        assert_eq!(made, [true, true, false, true, true, false, false, true]);
    }

    #[test]
    fn errors_that_take_turns_are_remembered() {
        const ERRORS: usize = 8;
        let (mut repeated, mut stacks) = (Repeated::new(), stacks());
        // The call is one place in the code, as an error's stack is part of it.
        let rounds = [(); 3].map(|()| {
            (0..ERRORS)
                .filter(|number| comes(&mut repeated, &mut stacks, &number.to_string()))
                .count()
        });
        assert_eq!(rounds[..2], [ERRORS; 2]);
        // Two that are at one place in `lately` push each other out of it; that all of them do is out of the question.
        assert!(rounds[2] < ERRORS);
    }

    #[test]
    fn what_is_the_same_again_is_what_it_was_whether_it_was_remembered_or_not() {
        let (mut repeated, mut stacks) = (Repeated::new(), stacks());
        let mut made = Vec::new();
        for (message, is_again) in [
            ("a", false),
            ("a", true),
            ("a", true),
            ("b", false),
            ("b", true),
            ("a", false),
            ("a", true),
            ("c", false),
            ("c", true),
        ] {
            made.push(told(&mut repeated, &mut stacks, message, is_again));
        }
        let expected = [true, true, false, true, true, false, false, true, true];
        assert_eq!(made, expected);
        assert_eq!(repeated.known.len(), 3);
    }

    #[test]
    fn an_error_of_another_place_is_another_one() {
        #[inline(never)]
        fn elsewhere(repeated: &mut Repeated, stacks: &mut Stacks) -> bool {
            std::hint::black_box(comes(repeated, stacks, "a"))
        }
        let (mut repeated, mut stacks) = (Repeated::new(), stacks());
        for _ in 0..3 {
            comes(&mut repeated, &mut stacks, "a");
        }
        assert!(elsewhere(&mut repeated, &mut stacks));
    }

    #[test]
    fn memory_is_bounded_and_what_is_new_each_time_takes_none() {
        let (mut repeated, mut stacks) = (Repeated::new(), stacks());
        for number in 0..1_000 {
            comes(&mut repeated, &mut stacks, &number.to_string());
        }
        assert_eq!((repeated.known.len(), repeated.size), (0, 0));
        for number in 0..1_000 {
            let message = format!("{number} {}", "x".repeat(200));
            for _ in 0..2 {
                comes(&mut repeated, &mut stacks, &message);
            }
            assert!(repeated.size <= MAX_KNOWN);
        }
        let sizes: usize = repeated.known.iter().map(Known::size).sum();
        assert!(sizes == repeated.size && !repeated.known.is_empty());
    }
}
