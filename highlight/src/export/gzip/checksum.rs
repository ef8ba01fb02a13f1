//! The checksum at the end of a stream, and what bytes that come again and again do to it.

use crc32fast::Hasher;

/// Of what is written so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checksum {
    sum: u32,
    amount: u32,
}

impl Checksum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.sum = behind(self.sum, bytes);
        self.amount = self.amount.wrapping_add(lower(bytes.len()));
    }

    /// The same for bytes whose effect is known.
    #[inline]
    pub(super) fn add_known(&mut self, effect: &Effect) {
        self.sum = effect.behind(self.sum);
        self.amount = self.amount.wrapping_add(effect.amount);
    }

    /// As a gzip stream ends with it.
    pub(super) fn to_bytes(self) -> [u8; 8] {
        let both = u64::from(self.sum) | u64::from(self.amount) << u32::BITS;
        both.to_le_bytes()
    }
}

fn behind(sum: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(sum);
    hasher.update(bytes);
    hasher.finalize()
}

/// The format has the length modulo 2^32.
fn lower(length: usize) -> u32 {
    let [a, b, c, d, ..] = length.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Bits that are looked up together, and how often that makes a sum.
const FOUR: u32 = 4;
const TIMES: usize = (u32::BITS / FOUR) as usize;

/// What certain bytes make of the sum of whatever is before them. Each bit of that changes the sum behind them by itself, whatever the
/// others are, so that a sum is looked up in parts.
#[derive(Debug)]
pub(super) struct Effect {
    /// The sum behind them where it was zero before.
    of_none: u32,
    changes: [[u32; 1 << FOUR]; TIMES],
    amount: u32,
}

impl Effect {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let of_none = behind(0, bytes);
        let mut changes = [[0; 1 << FOUR]; TIMES];
        for (place, changes) in (0..).step_by(FOUR as usize).zip(&mut changes) {
            for bit in 0..FOUR {
                let change = behind(1 << (place + bit), bytes) ^ of_none;
                for (bits, sum) in (0_u32..).zip(changes.iter_mut()) {
                    if bits >> bit & 1 == 1 {
                        *sum ^= change;
                    }
                }
            }
        }
        Effect {
            of_none,
            changes,
            amount: lower(bytes.len()),
        }
    }

    #[inline]
    fn behind(&self, mut before: u32) -> u32 {
        let mut sum = self.of_none;
        for changes in &self.changes {
            sum ^= changes[before as usize % changes.len()];
            before >>= FOUR;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_known_count_as_if_they_were_read() {
        let known = b"exception.stacktrace".repeat(150);
        for length in [0, 1, 7, 64, known.len()] {
            let known = &known[..length];
            let effect = Effect::of(known);
            let (mut read, mut told) = (Checksum::default(), Checksum::default());
            for before in 0..200_u8 {
                for sum in [&mut read, &mut told] {
                    sum.add(&[before, 17]);
                }
                read.add(known);
                told.add_known(&effect);
                assert_eq!(read.to_bytes(), told.to_bytes());
            }
        }
    }

    #[test]
    fn it_is_the_sum_that_others_reckon() {
        let mut other = flate2::Crc::new();
        let mut own = Checksum::default();
        for bytes in [&b"a"[..], b"", b"bcd"] {
            other.update(bytes);
            own.add(bytes);
        }
        let expected = [other.sum().to_le_bytes(), other.amount().to_le_bytes()];
        assert_eq!(own.to_bytes()[..], expected.concat());
    }
}
