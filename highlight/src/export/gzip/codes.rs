//! Deflate's fixed codes, and the bits that they are.

use crate::export::proto;

/// Longest repeat that has a code, and the shortest.
pub(super) const LONGEST: usize = 258;
pub(super) const SHORTEST: usize = 3;

/// Bits to be written, the first one lowest, and how many they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) count: u8,
}

const NONE: Code = Code { bits: 0, count: 0 };

pub(super) static LITERALS: [Code; 256] = literals();
/// By the length's distance from the shortest, with the bits behind the code.
pub(super) static LENGTHS: [Code; LONGEST - SHORTEST + 1] = lengths();

/// The end of a block.
pub(super) const END: Code = symbol(256);

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

/// Up to 64 of them, the first one lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bits {
    pub(super) bits: u64,
    pub(super) count: u32,
}

impl Bits {
    #[inline]
    pub(super) fn put(&mut self, code: Code) {
        self.put_all(Bits {
            bits: code.bits.into(),
            count: code.count.into(),
        });
    }

    #[inline]
    pub(super) fn put_all(&mut self, Bits { bits, count }: Bits) {
        self.bits |= bits << self.count;
        self.count += count;
    }

    /// Writes the whole bytes, so that less than one is left.
    #[inline]
    pub(super) fn flush(&mut self, bytes: &mut Vec<u8>) {
        proto::put_first(bytes, &self.bits.to_le_bytes(), self.count as usize / 8);
        self.bits >>= self.count & !7;
        self.count &= 7;
    }
}

/// How far away something is that is repeated: the distance's code, with the bits behind it.
#[inline]
pub(super) fn distance(distance: usize) -> Bits {
    let over = distance as u64 - 1;
    // Two symbols for every power of two.
    let extra = (over | 2).ilog2() - 1;
    let symbol = (over >> extra) + 2 * u64::from(extra);
    let [low, ..] = symbol.to_le_bytes();
    let rest = over & ((1 << extra) - 1);
    Bits {
        bits: u64::from(low.reverse_bits() >> 3) | rest << 5,
        count: 5 + extra,
    }
}

/// Some literals, and a repeat behind them.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) literals: usize,
    /// Bytes that the repeat stands for.
    pub(super) length: usize,
    pub(super) repeat: Bits,
}

/// The steps that so many literals and a repeat of any length behind them take.
pub(super) fn steps(mut literals: usize, mut length: usize, away: usize, steps: &mut Vec<Step>) {
    let distance = distance(away);
    while length > 0 {
        let now = if length > LONGEST {
            LONGEST.min(length - SHORTEST)
        } else {
            length
        };
        let mut repeat = Bits::default();
        repeat.put(LENGTHS[now - SHORTEST]);
        repeat.put_all(distance);
        steps.push(Step {
            literals,
            length: now,
            repeat,
        });
        (literals, length) = (0, length - now);
    }
}
