//! Finds what was there before.

use std::mem;

use super::Before;
use super::codes;
use super::writer::Writer;

/// A repeat is no farther from what it repeats.
pub(super) const FARTHEST: usize = 32 * 1024;
/// Fewer bytes hardly pay.
const LEAST: usize = 4;
/// Places that are remembered, by what is there; a power of two. They and a record or two fit into the fastest cache.
const SLOTS: usize = 8 * 1024;
/// After so many places at which nothing was found, the steps between them grow.
const PATIENCE: usize = 16;
/// Steps along the last distance. They lead over a trace id and a span id.
const STEPS: usize = 7;
const REACH: usize = (STEPS - 1) * 5 + 8;
/// A repeat as long as this comes from a record that is like this one.
const LONG: usize = 12;
/// After so many times in vain only the first step is taken.
const DOUBTS: usize = 2;

/// Bytes that were there before.
#[derive(Debug, Clone, Copy)]
struct Repeat {
    at: usize,
    length: usize,
    distance: usize,
}

/// What is remembered of the bytes before.
#[derive(Debug)]
pub(super) struct Repeats {
    /// The lower half of the place at which these bytes were last. It may be an old one, so it is always looked at.
    places: Box<[u16; SLOTS]>,
    /// Of the piece's first byte.
    start: u16,
    /// How far away the record is that this one is like.
    distance: usize,
    /// How often that led nowhere since.
    doubts: usize,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Repeats {
            places: Box::new([0; SLOTS]),
            start: 0,
            distance: 0,
            doubts: 0,
        }
    }

    /// What follows begins so many bytes on.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.start = self.start.wrapping_add(lower(bytes));
    }

    /// Looks at what came `before` once more: it was repeated itself, and so nothing of it was remembered.
    pub(super) fn learn(&mut self, before: Before<'_>) {
        let length = before.bytes.len();
        let begin = self.start.wrapping_sub(lower(length + before.gap));
        let words = before.bytes.windows(LEAST).step_by(LEAST);
        for (at, word) in (0..length).step_by(LEAST).zip(words) {
            if let Some(word) = word.first_chunk() {
                self.places[slot(*word)] = begin.wrapping_add(lower(at));
            }
        }
    }

    /// Writes a piece with what is repeated of what came `before`.
    #[inline]
    pub(super) fn write(&mut self, before: Before<'_>, piece: &[u8], writer: &mut Writer) {
        let mut done = 0;
        while let Some(repeat) = self.next(before, piece, done) {
            writer.literals(&piece[done..repeat.at]);
            writer.repeat(repeat.length, codes::distance(repeat.distance));
            done = repeat.at + repeat.length;
        }
        writer.literals(&piece[done..]);
    }

    /// The next repeat in `now`, from `from` on.
    #[inline]
    fn next(&mut self, before: Before<'_>, now: &[u8], from: usize) -> Option<Repeat> {
        let mut at = from;
        let mut distance = self.last(before, now, at)?;
        if distance == 0 {
            if let Some(found) = self.look_along(now, from) {
                return Some(found);
            }
            let mut misses = PATIENCE;
            while distance == 0 {
                at += misses / PATIENCE;
                misses += 1;
                distance = self.last(before, now, at)?;
            }
        }
        let found = extend(before, now, from, at, distance);
        if found.length >= LONG {
            self.distance = distance;
        }
        Some(found)
    }

    /// How far away the bytes at `at` were last, if they were: zero if not. None at the end.
    #[inline]
    fn last(&mut self, before: Before<'_>, now: &[u8], at: usize) -> Option<usize> {
        let here = word(now, at)?;
        let distance = self.remember(here, at);
        let there = match at.checked_sub(distance) {
            Some(then) => word(now, then),
            None => word_before(before, distance - at),
        };
        let is_same = there == Some(here) && distance <= FARTHEST;
        Some(if is_same { distance } else { 0 })
    }

    /// Looks for what this record and the one before have in common behind `from`, where they differ.
    #[inline]
    fn look_along(&mut self, now: &[u8], from: usize) -> Option<Repeat> {
        let distance = self.distance;
        let steps = if self.doubts < DOUBTS { STEPS } else { 1 };
        let behind = from + 1;
        let then = behind.checked_sub(distance).filter(|then| *then < behind)?;
        let one: &[u8; REACH] = now[then..].first_chunk()?;
        let other: &[u8; REACH] = now[behind..].first_chunk()?;
        for step in 0..steps {
            // Of four bytes, three may have been at the end of the eight before.
            let skip = step * 5;
            let difference = eight(one, skip)? ^ eight(other, skip)?;
            let Some(more) = four_alike(difference) else {
                continue;
            };
            let passed = 1 + skip + more;
            let (at, then) = (from + passed, then + skip + more);
            let length = LEAST + common(&now[then + LEAST..], &now[at + LEAST..]);
            // In a record that is not like this one little is the same, and what would be passed over may be found elsewhere.
            if length < passed {
                break;
            }
            self.remember(word(now, at)?, at);
            self.doubts = 0;
            return Some(Repeat {
                at,
                length,
                distance,
            });
        }
        self.doubts += 1;
        None
    }

    /// Remembers what is here, and says how far away it was last: zero for nowhere.
    #[inline]
    fn remember(&mut self, here: [u8; LEAST], at: usize) -> usize {
        let place = self.start.wrapping_add(lower(at));
        let last = mem::replace(&mut self.places[slot(here)], place);
        place.wrapping_sub(last).into()
    }
}

/// Where it is remembered at which place these bytes were.
#[inline]
fn slot(here: [u8; LEAST]) -> usize {
    const GOLDEN: u32 = 0x9e37_79b1;
    let mixed = u32::from_le_bytes(here).wrapping_mul(GOLDEN) >> (u32::BITS - SLOTS.ilog2());
    mixed as usize % SLOTS
}

/// Where the two have the next bytes in common at the same place, from `from` on, and how many.
#[inline]
pub(super) fn alike(one: &[u8], other: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let difference = eight(one, at)? ^ eight(other, at)?;
        if let Some(more) = four_alike(difference) {
            at += more;
            break;
        }
        // Of four bytes, three may have been at the end of these.
        at += 5;
    }
    let behind = at + LEAST;
    let length = LEAST + common(&one[behind..], &other[behind..]);
    Some((at, length))
}

/// All that is repeated there.
#[inline]
fn extend(before: Before<'_>, now: &[u8], from: usize, at: usize, distance: usize) -> Repeat {
    let (history, then) = match at.checked_sub(distance) {
        Some(then) => (now, then),
        None => (
            before.bytes,
            before.bytes.len() + before.gap + at - distance,
        ),
    };
    let length = LEAST + common(&history[then + LEAST..], &now[at + LEAST..]);
    let earlier = common_end(&history[..then], &now[from..at]);
    let length = length + earlier;
    Repeat {
        at: at - earlier,
        length,
        distance,
    }
}

#[inline]
fn lower(place: usize) -> u16 {
    let [low, high, ..] = place.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<[u8; LEAST]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn word_before(before: Before<'_>, distance: usize) -> Option<[u8; LEAST]> {
    let end = before.bytes.len() + before.gap;
    word(before.bytes, end.checked_sub(distance)?)
}

#[inline]
fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*eight))
}

/// Where the first four zeros in a row begin.
#[inline]
fn four_alike(difference: u64) -> Option<usize> {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zeros = !(((difference & LOW) + LOW) | difference | LOW);
    let pairs = zeros & zeros >> 8;
    let fours = pairs & pairs >> 16;
    (fours != 0).then_some(fours.trailing_zeros() as usize / 8)
}

/// How many bytes are the same at the beginning.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    match (eight(one, 0), eight(other, 0)) {
        (Some(a), Some(b)) if a != b => first_difference(a, b),
        _ => common_run(one, other),
    }
}

/// The same where it is likely much.
fn common_run(one: &[u8], other: &[u8]) -> usize {
    let same = MANY * common_chunks::<MANY>(one, other);
    let (one, other) = (&one[same..], &other[same..]);
    let (ones, _) = one.as_chunks();
    let (others, _) = other.as_chunks();
    for (at, (a, b)) in ones.iter().zip(others).enumerate() {
        let (a, b) = (u64::from_le_bytes(*a), u64::from_le_bytes(*b));
        if a != b {
            return same + at * 8 + first_difference(a, b);
        }
    }
    let same_words = 8 * ones.len().min(others.len());
    let rest = one[same_words..].iter().zip(&other[same_words..]);
    same + same_words + rest.take_while(|(a, b)| a == b).count()
}

#[inline]
fn common_chunks<const N: usize>(one: &[u8], other: &[u8]) -> usize {
    let (ones, _) = one.as_chunks::<N>();
    let (others, _) = other.as_chunks::<N>();
    let pairs = ones.iter().zip(others);
    pairs.take_while(|(one, other)| one == other).count()
}

#[inline]
fn first_difference(one: u64, other: u64) -> usize {
    (one ^ other).trailing_zeros() as usize / 8
}

/// Bytes that are compared at once where much is the same.
const MANY: usize = 32;

/// How many bytes are the same at the end.
#[inline]
fn common_end(one: &[u8], other: &[u8]) -> usize {
    let pairs = one.iter().rev().zip(other.iter().rev());
    pairs.take_while(|(a, b)| a == b).count()
}
