//! Deflate's fixed codes, and the bits they are written as.

use crate::export::proto;

/// Longest repeat that has a code, and the shortest.
const LONGEST: usize = 258;
pub(super) const SHORTEST: usize = 3;

/// Bits to be written, the first one lowest, and how many they are.
#[derive(Debug, Clone, Copy)]
struct Code {
    bits: u16,
    count: u8,
}

const NONE: Code = Code { bits: 0, count: 0 };

static LITERALS: [Code; 256] = literals();
/// By the length's distance from the shortest, with the bits behind the code.
static LENGTHS: [Code; LONGEST - SHORTEST + 1] = lengths();

/// A Huffman code is written from its highest bit on.
const fn reversed(code: u16, count: u8) -> u16 {
    code.reverse_bits() >> (16 - count)
}

/// The code of a symbol that stands for a byte, the end, or a length.
const fn symbol(symbol: u16) -> Code {
    let (code, count) = match symbol {
        0..144 => (0x30 + symbol, 8),
        144..256 => (0x190 + symbol - 144, 9),
        256..280 => (symbol - 256, 7),
        _ => (0xc0 + symbol - 280, 8),
    };
    let bits = reversed(code, count);
    Code { bits, count }
}

const fn literals() -> [Code; 256] {
    let mut codes = [NONE; 256];
    let mut byte = 0_u16;
    while byte < 256 {
        codes[byte as usize] = symbol(byte);
        byte += 1;
    }
    codes
}

const fn lengths() -> [Code; LONGEST - SHORTEST + 1] {
    let mut codes = [NONE; LONGEST - SHORTEST + 1];
    let mut over = 0_u16;
    while over < 255 {
        // Eight lengths have a symbol each; then there are four symbols for every power of two.
        let extra = if over < 8 { 0 } else { over.ilog2() - 2 };
        let [extra, ..] = extra.to_le_bytes();
        let above = (over >> extra) + 4 * extra as u16;
        let Code { bits, count } = symbol(257 + above);
        let rest = over & ((1 << extra) - 1);
        codes[over as usize] = Code {
            bits: bits | rest << count,
            count: count + extra,
        };
        over += 1;
    }
    // The longest has one of its own.
    codes[over as usize] = symbol(285);
    codes
}

/// How far away something is that is repeated, as its code with the bits behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distance {
    bits: u64,
    count: u32,
}

impl Distance {
    #[inline]
    pub(super) fn of(distance: usize) -> Self {
        let over = distance as u64 - 1;
        // Two symbols for every power of two.
        let extra = (over | 2).ilog2() - 1;
        let symbol = (over >> extra) + 2 * u64::from(extra);
        let [low, ..] = symbol.to_le_bytes();
        let rest = over & ((1 << extra) - 1);
        Distance {
            bits: u64::from(low.reverse_bits() >> 3) | rest << 5,
            count: 5 + extra,
        }
    }
}

/// Some literals, and a repeat behind them.
#[derive(Debug)]
pub(super) struct Step {
    literals: usize,
    /// Bytes that the repeat stands for.
    length: usize,
    repeat: Bits,
}

/// The steps that so many literals and a repeat of any length behind them take.
pub(super) fn steps(
    mut literals: usize,
    mut length: usize,
    distance: usize,
    steps: &mut Vec<Step>,
) {
    let distance = Distance::of(distance);
    while length > 0 {
        let now = if length > LONGEST {
            LONGEST.min(length - SHORTEST)
        } else {
            length
        };
        let mut repeat = Bits::default();
        repeat.put(LENGTHS[now - SHORTEST]);
        repeat.put_bits(distance.bits, distance.count);
        steps.push(Step {
            literals,
            length: now,
            repeat,
        });
        (literals, length) = (0, length - now);
    }
}

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

/// Up to 64 of them, the first one lowest.
#[derive(Debug, Clone, Copy, Default)]
struct Bits {
    bits: u64,
    count: u32,
}

impl Bits {
    #[inline]
    fn put(&mut self, code: Code) {
        self.put_bits(code.bits.into(), code.count.into());
    }

    #[inline]
    fn put_bits(&mut self, bits: u64, count: u32) {
        self.bits |= bits << self.count;
        self.count += count;
    }

    /// Writes the whole bytes, so that less than one is left.
    #[inline]
    fn flush(&mut self, bytes: &mut Vec<u8>) {
        proto::put_first(bytes, &self.bits.to_le_bytes(), self.count as usize / 8);
        self.bits >>= self.count & !7;
        self.count &= 7;
    }
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
        self.left.put_bits(repeat.bits, repeat.count);
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
            left.put_bits(u64::from_le_bytes(bits), u64::BITS - 8);
            left.flush(&mut self.bytes);
        }
        for byte in rest {
            left.put_bits((*byte).into(), 8);
            left.flush(&mut self.bytes);
        }
        left.put_bits(apart.left.bits, apart.left.count);
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
        let mut ahead = Ahead {
            room: &mut room,
            at: 0,
            left: self.left,
        };
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
    fn take(&mut self, ahead: &Ahead<'_>) {
        self.bytes.extend_from_slice(&ahead.room[..ahead.at]);
        self.left = ahead.left;
    }

    /// A repeat of any length.
    #[inline]
    pub(super) fn repeat(&mut self, length: usize, distance: Distance) {
        let length = if length > LONGEST {
            self.most_of_repeat(length, distance)
        } else {
            length
        };
        let mut left = self.left;
        left.put(LENGTHS[length - SHORTEST]);
        left.put_bits(distance.bits, distance.count);
        left.flush(&mut self.bytes);
        self.left = left;
    }

    /// Writes what is too long for one code, and says how much is left.
    #[inline(never)]
    fn most_of_repeat(&mut self, mut length: usize, distance: Distance) -> usize {
        let one = LENGTHS[LONGEST - SHORTEST];
        let (one, count) = (u64::from(one.bits), u32::from(one.count));
        let (one, count) = (one | distance.bits << count, count + distance.count);
        // Two of them are up to 52 bits, and what remains has to have a code as well.
        let two = Bits {
            bits: one | one << count,
            count: 2 * count,
        };
        while length >= 2 * LONGEST + SHORTEST {
            let mut room = [0; FEW_CODES];
            let mut ahead = Ahead {
                room: &mut room,
                at: 0,
                left: self.left,
            };
            while length >= 2 * LONGEST + SHORTEST && ahead.has_room() {
                ahead.left.put_bits(two.bits, two.count);
                ahead.make_room();
                length -= 2 * LONGEST;
            }
            self.take(&ahead);
        }
        let mut left = self.left;
        while length > LONGEST {
            let now = LONGEST.min(length - SHORTEST);
            left.put(LENGTHS[now - SHORTEST]);
            left.put_bits(distance.bits, distance.count);
            left.flush(&mut self.bytes);
            length -= now;
        }
        self.left = left;
        length
    }

    /// Ends the block, on a whole byte.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.left.put(symbol(256));
        self.left.count = self.left.count.next_multiple_of(8);
        self.left.flush(&mut self.bytes);
        self.bytes
    }
}
