//! How the caller of a function is found from an address in it.

use super::Registers;
use super::thread::OwnStack;

/// The canonical frame address is a register plus an offset; return address and frame pointer are below it, or the frame pointer is
/// untouched. All offsets are multiples of eight.
///
/// From the lowest bit: flags; 24 bits of the frame's size; 16 of the frame pointer's place, zero where it is untouched; 16 of the
/// return address's place, zero where there is no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(u64);

/// The size is counted from the frame pointer, not the stack pointer.
const FROM_FRAME_POINTER: u64 = 1;
/// The address is of a module that may be unloaded.
const UNLOADABLE: u64 = 2;
/// The tables say nothing that fits here.
const UNKNOWN: u64 = 4;

const SIZE: (u32, u32) = (8, 24);
const FRAME_POINTER: (u32, u32) = (32, 16);
const RETURN: (u32, u32) = (48, 16);

/// What a rule makes of a frame.
#[derive(Debug)]
pub(super) enum Caller {
    At(Registers),
    /// The frame is the thread's first.
    None,
    Lost,
}

impl Rule {
    /// The thread begins here.
    pub(super) const OUTERMOST: Rule = Rule(0);
    /// The platform has to look.
    pub(super) const UNUSUAL: Rule = Rule(UNKNOWN);

    /// Offsets in bytes: of the frame's end from its register, and of the two places below that end. None when one does not fit.
    pub(super) fn new(
        from_frame_pointer: bool,
        size: i64,
        frame_pointer: Option<i64>,
        return_address: i64,
    ) -> Option<Rule> {
        let put = |(shift, bits): (u32, u32), bytes: i64| {
            let words = u64::try_from(bytes).ok().filter(|bytes| bytes % 8 == 0)? / 8;
            (words > 0 && words < 1 << bits).then_some(words << shift)
        };
        let frame_pointer = match frame_pointer {
            Some(below) => put(FRAME_POINTER, below)?,
            None => 0,
        };
        let flags = if from_frame_pointer {
            FROM_FRAME_POINTER
        } else {
            0
        };
        Some(Rule(
            flags | put(SIZE, size)? | frame_pointer | put(RETURN, return_address)?,
        ))
    }

    pub(super) fn unloadable(self) -> Rule {
        Rule(self.0 | UNLOADABLE)
    }

    pub(super) fn is_unloadable(self) -> bool {
        self.0 & UNLOADABLE != 0
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn from_bits(bits: u64) -> Rule {
        Rule(bits)
    }

    /// Bytes.
    fn get(self, (shift, bits): (u32, u32)) -> u64 {
        (self.0 >> shift & ((1 << bits) - 1)) * 8
    }

    #[inline]
    pub(super) fn caller(self, at: Registers, stack: &OwnStack) -> Caller {
        let below = self.get(RETURN);
        if below == 0 {
            return if self.0 & UNKNOWN == 0 {
                Caller::None
            } else {
                Caller::Lost
            };
        }
        let base = if self.0 & FROM_FRAME_POINTER == 0 {
            at.sp
        } else {
            at.fp
        };
        let end = base.wrapping_add(self.get(SIZE));
        // A caller's frame is further out, or the walk would not end.
        if end <= at.sp {
            return Caller::Lost;
        }
        let saved = self.get(FRAME_POINTER);
        let fp = if saved == 0 {
            Some(at.fp)
        } else {
            stack.read(end.wrapping_sub(saved))
        };
        let ip = stack.read(end.wrapping_sub(below)).map(code_address);
        match (ip, fp) {
            (Some(0), _) => Caller::None,
            (Some(ip), Some(fp)) => Caller::At(Registers { ip, sp: end, fp }),
            _ => Caller::Lost,
        }
    }
}

/// A return address without its signature (arm64's pointer authentication), which is above the bits that addresses have.
#[inline]
fn code_address(word: u64) -> u64 {
    if cfg!(target_arch = "aarch64") {
        word & 0x0000_ffff_ffff_ffff
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_becomes_a_rule() {
        assert!(Rule::new(false, 8, None, 8).is_some());
        assert!(Rule::new(true, 16, Some(16), 8).is_some());
        for (size, frame_pointer, return_address) in [
            (0, None, 8),
            (12, None, 8),
            (-8, None, 8),
            (8 << 24, None, 8),
            (16, Some(-16), 8),
            (16, Some(8 << 16), 8),
            (16, None, 0),
            (16, None, -8),
        ] {
            assert_eq!(Rule::new(false, size, frame_pointer, return_address), None);
        }
    }

    #[test]
    fn a_caller_is_read_from_the_stack_and_only_from_there() {
        let words = [0_u64, 11, 22, 33, 44, 0];
        let sp = words.as_ptr().addr() as u64;
        let stack = OwnStack::around(sp).unwrap();
        let at = Registers {
            ip: 1,
            sp,
            fp: sp + 8,
        };
        let plain = Rule::new(false, 32, Some(16), 8).unwrap();
        let Caller::At(caller) = plain.caller(at, &stack) else {
            panic!("a caller expected")
        };
        assert_eq!((caller.ip, caller.fp, caller.sp), (33, 22, sp + 32));
        let by_frame_pointer = Rule::new(true, 32, None, 8).unwrap().unloadable();
        assert!(by_frame_pointer.is_unloadable());
        let Caller::At(caller) = by_frame_pointer.caller(at, &stack) else {
            panic!("a caller expected")
        };
        assert_eq!((caller.ip, caller.fp), (44, sp + 8));

        let lost = |rule: Rule, at| matches!(rule.caller(at, &stack), Caller::Lost);
        assert!(lost(Rule::new(false, 8 << 23, None, 8).unwrap(), at));
        assert!(lost(by_frame_pointer, Registers { fp: 8, ..at }));
        assert!(lost(by_frame_pointer, Registers { fp: sp + 1, ..at }));
        assert!(lost(by_frame_pointer, Registers { fp: u64::MAX, ..at }));
        assert!(lost(Rule::UNUSUAL, at));
        assert!(matches!(Rule::OUTERMOST.caller(at, &stack), Caller::None));
        let zero = Rule::new(false, 48, None, 8).unwrap();
        assert!(matches!(zero.caller(at, &stack), Caller::None));
    }
}
