//! Gzip for records, which are much alike and full of random ids.
//!
//! A general compressor at its fastest looks at each byte of an id for something that it repeats. This one looks first where the record
//! before has the same thing, passes over what is new there, and looks about more and more widely where that does not help. Like zlib at
//! its fastest it uses deflate's fixed codes (<https://www.rfc-editor.org/rfc/rfc1951>), so a reader needs nothing new.

mod checksum;
mod codes;
mod pattern;
mod repeats;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use checksum::Checksum;
use pattern::Pattern;
use repeats::{FARTHEST, Repeats};
pub(crate) use tail::Tail;
use writer::{SHORT, Writer};

/// Identification, deflate, no flags, no time, fastest, unknown system (<https://www.rfc-editor.org/rfc/rfc1952>).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// One gzip stream that is being written.
#[derive(Debug)]
pub(crate) struct Gzip {
    writer: Writer,
    repeats: Repeats,
    pattern: Pattern,
    checksum: Checksum,
    /// Bytes before compression.
    length: usize,
    /// The tails that can be repeated, and how long the stream was when each was written last.
    tails: Vec<(Arc<Tail>, usize)>,
}

/// What came last of a stream, as far as it is in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before<'a> {
    pub(crate) bytes: &'a [u8],
    /// So many bytes came behind it: those of a tail.
    pub(crate) gap: usize,
}

impl<'a> From<&'a [u8]> for Before<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Before { bytes, gap: 0 }
    }
}

impl Gzip {
    /// With room for as many bytes as are expected.
    pub(crate) fn new(expected: usize) -> Self {
        let mut bytes = Vec::with_capacity(expected);
        bytes.extend_from_slice(&HEADER);
        Gzip {
            writer: Writer::behind(bytes),
            repeats: Repeats::new(),
            pattern: Pattern::default(),
            checksum: Checksum::default(),
            length: 0,
            tails: Vec::new(),
        }
    }

    /// Compresses what comes next, with an eye on the piece that came `before`.
    pub(crate) fn add(&mut self, before: Before<'_>, piece: &[u8]) {
        self.checksum.add(piece);
        self.repeats.write(before, piece, &mut self.writer);
        self.pass(piece.len());
    }

    /// The same for a piece as long as that `before`, of a record of the same kind: what they have in common is at the same places, and
    /// is looked for nowhere else.
    pub(crate) fn add_alike(&mut self, before: Before<'_>, piece: &[u8]) {
        let distance = before.bytes.len() + before.gap;
        if distance > FARTHEST || piece.len() > SHORT {
            return self.add(before, piece);
        }
        self.checksum.add(piece);
        if !self.pattern.is_that_of(before.bytes, piece, distance) {
            self.pattern.learn(before.bytes, piece, distance);
        }
        self.writer.in_steps(piece, self.pattern.steps());
        self.pass(piece.len());
    }

    /// Compresses a tail: one that is not far behind, at the price of some codes.
    pub(crate) fn add_tail(&mut self, tail: &Arc<Tail>) {
        let length = tail.bytes().len();
        let end = self.length + length;
        let mut known = self.tails.iter_mut();
        match known.find(|(one, _)| Arc::ptr_eq(one, tail)) {
            Some((_, last)) if end - *last <= FARTHEST && length >= codes::SHORTEST => {
                let distance = codes::distance(end - *last);
                *last = end;
                self.checksum.add_known(&tail.effect);
                self.writer.repeat(length, distance);
                self.pass(length);
            }
            _ => {
                self.add_new_tail(tail);
                self.tails.retain(|(one, last)| {
                    let is_other = !Arc::ptr_eq(one, tail);
                    is_other && end - last < FARTHEST
                });
                self.tails.push((Arc::clone(tail), end));
            }
        }
    }

    /// It is most like the one that came last.
    #[cold]
    fn add_new_tail(&mut self, tail: &Tail) {
        let near = self.tails.iter();
        let near = near.filter(|(_, last)| self.length - last < FARTHEST);
        let Some((like, end)) = near.max_by_key(|(_, last)| *last).cloned() else {
            self.checksum.add_known(&tail.effect);
            self.writer.put_apart(tail.alone());
            return self.pass(tail.bytes().len());
        };
        let before = Before {
            bytes: like.bytes(),
            gap: self.length - end,
        };
        if !self.add_nearly(before, tail) {
            self.repeats.learn(before);
            self.add(before, tail.bytes());
        }
    }

    /// Compresses a tail that is as long as the one `before` and nearly the same, as stacks of two lines of a function are. False, and nothing
    /// is done, for another one.
    fn add_nearly(&mut self, before: Before<'_>, tail: &Tail) -> bool {
        let (one, other) = (before.bytes, tail.bytes());
        let distance = one.len() + before.gap;
        if one.len() != other.len() || one.is_empty() || distance > FARTHEST {
            return false;
        }
        let mut runs = Vec::new();
        let (mut done, mut new) = (0, 0);
        while let Some((at, length)) = repeats::alike(one, other, done) {
            runs.push(at..at + length);
            new += at - done;
            done = at + length;
        }
        new += other.len() - done;
        if new > other.len() / 16 {
            return false;
        }
        self.checksum.add_known(&tail.effect);
        let distance = codes::distance(distance);
        let mut done = 0;
        for run in runs {
            self.writer.literals(&other[done..run.start]);
            self.writer.repeat(run.len(), distance);
            done = run.end;
        }
        self.writer.literals(&other[done..]);
        self.pass(other.len());
        true
    }

    fn pass(&mut self, bytes: usize) {
        self.length += bytes;
        self.repeats.pass(bytes);
    }

    /// The whole stream.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = self.writer.finish();
        bytes.extend_from_slice(&self.checksum.to_bytes());
        bytes
    }
}
