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
#[derive(Debug, Clone, Copy)]
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

impl Writer {
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
        let mut left = self.left;
        let one = LENGTHS[LONGEST - SHORTEST];
        let (one, count) = (u64::from(one.bits), u32::from(one.count));
        let (one, count) = (one | distance.bits << count, count + distance.count);
        // Two of them are up to 52 bits, and what remains has to have a code as well.
        let two = one | one << count;
        while length >= 2 * LONGEST + SHORTEST {
            left.put_bits(two, 2 * count);
            left.flush(&mut self.bytes);
            length -= 2 * LONGEST;
        }
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
