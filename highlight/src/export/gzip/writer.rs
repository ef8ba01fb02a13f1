//! What is written with the codes: bits that become bytes.

use super::codes::{Bits, END, LENGTHS, LITERALS, LONGEST, SHORTEST, Step};

/// So long is what is written at once at most: all of it as literals is not longer than [`ROOM`].
pub(super) const SHORT: usize = 256;
const ROOM: usize = (SHORT * 9).div_ceil(8) + 2 * size_of::<u64>();
/// Bytes for the codes of a repeat that is some thousand bytes long.
const FEW_CODES: usize = 64;

/// So many literals fit behind what is left of a byte.
const AT_ONCE: usize = 6;

/// Bits that become bytes.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Those that are no byte yet.
    left: Bits,
}

/// What is written at once: whoever writes in parts looks each time whether there is room.
struct Ahead<'a> {
    room: &'a mut [u8],
    at: usize,
    left: Bits,
}

impl Ahead<'_> {
    /// Where less than a byte is left.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "there are a few at a time, for which a call takes longer"
    )]
    fn literals(&mut self, bytes: &[u8]) {
        let (groups, rest) = bytes.as_chunks::<4>();
        for group in groups {
            for byte in group {
                self.left.put(LITERALS[usize::from(*byte)]);
            }
            self.make_room();
        }
        for byte in rest {
            self.left.put(LITERALS[usize::from(*byte)]);
        }
    }

    #[inline]
    fn repeat(&mut self, repeat: Bits) {
        if self.left.count + repeat.count > u64::BITS {
            self.make_room();
        }
        self.left.put_all(repeat);
        self.make_room();
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.at + size_of::<u64>() <= self.room.len()
    }

    /// Moves the whole bytes, so that less than one is left.
    #[inline]
    fn make_room(&mut self) {
        if let Some(room) = self.room[self.at..].first_chunk_mut() {
            *room = self.left.bits.to_le_bytes();
        }
        let whole = self.left.count / 8;
        self.at += whole as usize;
        // In two halves: they may be all 64.
        self.left.bits = self.left.bits >> (4 * whole) >> (4 * whole);
        self.left.count %= 8;
    }
}

/// A part that was written by itself, to be put into streams.
#[derive(Debug)]
pub(super) struct Apart {
    bytes: Vec<u8>,
    left: Bits,
}

impl Writer {
    /// Begins something that is apart.
    pub(super) fn apart() -> Self {
        Writer {
            bytes: Vec::new(),
            left: Bits::default(),
        }
    }

    /// Ends it.
    pub(super) fn finish_apart(mut self) -> Apart {
        self.bytes.shrink_to_fit();
        Apart {
            bytes: self.bytes,
            left: self.left,
        }
    }

    /// Writes what was written apart.
    pub(super) fn put_apart(&mut self, apart: &Apart) {
        const SEVEN: usize = 7;
        self.bytes.reserve(apart.bytes.len() + size_of::<u64>());
        let mut left = self.left;
        let (groups, rest) = apart.bytes.as_chunks::<SEVEN>();
        for group in groups {
            let mut bits = [0; 8];
            bits[..SEVEN].copy_from_slice(group);
            left.put_all(Bits {
                bits: u64::from_le_bytes(bits),
                count: u64::BITS - 8,
            });
            left.flush(&mut self.bytes);
        }
        for byte in rest {
            left.put_all(Bits {
                bits: (*byte).into(),
                count: 8,
            });
            left.flush(&mut self.bytes);
        }
        left.put_all(apart.left);
        left.flush(&mut self.bytes);
        self.left = left;
    }

    /// Begins the one block of a stream, behind what is in `bytes`.
    pub(super) fn behind(bytes: Vec<u8>) -> Self {
        // The last block, with fixed codes.
        let left = Bits {
            bits: 0b011,
            count: 3,
        };
        Writer { bytes, left }
    }

    #[inline]
    pub(super) fn literals(&mut self, bytes: &[u8]) {
        let rest = if bytes.len() < AT_ONCE {
            bytes
        } else {
            self.many_literals(bytes)
        };
        let mut left = self.left;
        for byte in rest {
            left.put(LITERALS[usize::from(*byte)]);
        }
        left.flush(&mut self.bytes);
        self.left = left;
    }

    /// Writes most of the literals and gives the rest back.
    #[inline(never)]
    fn many_literals<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        let mut left = self.left;
        while let Some((group, behind)) = bytes.split_first_chunk::<AT_ONCE>() {
            for byte in group {
                left.put(LITERALS[usize::from(*byte)]);
            }
            left.flush(&mut self.bytes);
            bytes = behind;
        }
        self.left = left;
        bytes
    }

    /// Writes a piece that is [`SHORT`] in steps, and what is behind them as literals.
    #[inline]
    pub(super) fn in_steps(&mut self, piece: &[u8], steps: &[Step]) {
        let mut room = [0; ROOM];
        let mut ahead = self.ahead(&mut room);
        let mut rest = piece;
        for step in steps {
            let Some((literals, behind)) = rest.split_at_checked(step.literals) else {
                break;
            };
            ahead.literals(literals);
            ahead.repeat(step.repeat);
            rest = behind.get(step.length..).unwrap_or_default();
        }
        ahead.literals(rest);
        ahead.make_room();
        self.take(&ahead);
    }

    #[inline]
    fn ahead<'a>(&self, room: &'a mut [u8]) -> Ahead<'a> {
        Ahead {
            room,
            at: 0,
            left: self.left,
        }
    }

    #[inline]
    fn take(&mut self, ahead: &Ahead<'_>) {
        self.bytes.extend_from_slice(&ahead.room[..ahead.at]);
        self.left = ahead.left;
    }

    /// A repeat of any length.
    #[inline]
    pub(super) fn repeat(&mut self, length: usize, distance: Bits) {
        let length = if length > LONGEST {
            self.most_of_repeat(length, distance)
        } else {
            length
        };
        let mut left = self.left;
        left.put(LENGTHS[length - SHORTEST]);
        left.put_all(distance);
        left.flush(&mut self.bytes);
        self.left = left;
    }

    /// Writes what is too long for one code, and says how much is left.
    #[inline(never)]
    fn most_of_repeat(&mut self, mut length: usize, distance: Bits) -> usize {
        // Two of them are up to 52 bits, and what remains has to have a code as well.
        let mut two = Bits::default();
        for _ in 0..2 {
            two.put(LENGTHS[LONGEST - SHORTEST]);
            two.put_all(distance);
        }
        while length >= 2 * LONGEST + SHORTEST {
            let mut room = [0; FEW_CODES];
            let mut ahead = self.ahead(&mut room);
            while length >= 2 * LONGEST + SHORTEST && ahead.has_room() {
                ahead.left.put_all(two);
                ahead.make_room();
                length -= 2 * LONGEST;
            }
            self.take(&ahead);
        }
        let mut left = self.left;
        while length > LONGEST {
            let now = LONGEST.min(length - SHORTEST);
            left.put(LENGTHS[now - SHORTEST]);
            left.put_all(distance);
            left.flush(&mut self.bytes);
            length -= now;
        }
        self.left = left;
        length
    }

    /// Ends the block, on a whole byte.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.left.put(END);
        self.left.count = self.left.count.next_multiple_of(8);
        self.left.flush(&mut self.bytes);
        self.bytes
    }
}
