//! Gzip for records, which are much alike and full of random ids.
//!
//! A general compressor at its fastest looks at each byte of an id for something that it repeats. This one looks first where the record
//! before has the same thing, passes over what is new there, and looks about more and more widely where that does not help. Like zlib at
//! its fastest it uses deflate's fixed codes (<https://www.rfc-editor.org/rfc/rfc1951>), so a reader needs nothing new.

mod codes;
mod repeats;
#[cfg(test)]
mod tests;

use flate2::Crc;

use codes::Writer;
use repeats::Repeats;

/// Identification, deflate, no flags, no time, fastest, unknown system (<https://www.rfc-editor.org/rfc/rfc1952>).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// One gzip stream that is being written.
#[derive(Debug)]
pub(crate) struct Gzip {
    writer: Writer,
    repeats: Repeats,
    crc: Crc,
}

impl Gzip {
    /// With room for as many bytes as are expected.
    pub(crate) fn new(expected: usize) -> Self {
        let mut bytes = Vec::with_capacity(expected);
        bytes.extend_from_slice(&HEADER);
        Gzip {
            writer: Writer::behind(bytes),
            repeats: Repeats::new(),
            crc: Crc::new(),
        }
    }

    /// Compresses what comes next, with an eye on the piece that came `before`.
    pub(crate) fn add(&mut self, before: &[u8], piece: &[u8]) {
        self.crc.update(piece);
        let mut done = 0;
        while let Some(repeat) = self.repeats.next(before, piece, done) {
            self.writer.literals(&piece[done..repeat.at]);
            self.writer.repeat(repeat.length, repeat.distance);
            done = repeat.at + repeat.length;
        }
        self.writer.literals(&piece[done..]);
        self.repeats.pass(piece.len());
    }

    /// The whole stream.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = self.writer.finish();
        bytes.extend_from_slice(&self.crc.sum().to_le_bytes());
        bytes.extend_from_slice(&self.crc.amount().to_le_bytes());
        bytes
    }
}
