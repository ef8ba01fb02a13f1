//! Captured errors without memory of their own: most are short, and lie side by side in what a block of them has in common.

mod common;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use super::waiting::{BLOCK, Slot};
use crate::capture::texts::{FEW, Texts};
use crate::capture::{Draft, ErrorReport};
use crate::stacktrace::RawStack;
use common::Different;
pub(super) use common::{Common, Head};

/// A stack with more addresses than that has memory of its own.
const MOST_IPS: usize = 128;

/// An error whose texts and addresses are elsewhere: on the stack of who had it, or in a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Packed<'a> {
    type_name: &'static str,
    texts: &'a [u8],
    ends: [u32; FEW],
    count: u32,
    ips: &'a [u64],
}

/// The same with memory of its own.
#[derive(Debug)]
pub(super) struct Own {
    type_name: &'static str,
    texts: Box<[u8]>,
    ends: [u32; FEW],
    count: u32,
    ips: Box<[u64]>,
}

/// Room that a block has for each error's texts, in bytes, and for its addresses.
const TEXTS: usize = 64;
const IPS: usize = 24;
/// Memory of a block for each error, where all are different. Where errors need more room for texts or addresses, a block ends before it has
/// all that it could.
const SHARE: usize = size_of::<Slot>() + size_of::<Different>() + TEXTS + IPS * size_of::<u64>();

impl<'a> Packed<'a> {
    /// None where it is not short.
    #[inline]
    pub(super) fn of(draft: &'a Draft) -> Option<Self> {
        let ips = draft.ips.as_slice();
        let (Cow::Borrowed(type_name), Some((texts, ends, count)), true) =
            (&draft.type_name, draft.texts.short(), ips.len() <= MOST_IPS)
        else {
            return None;
        };
        Some(Packed {
            type_name,
            texts,
            ends,
            count: short(count),
            ips,
        })
    }

    /// Bytes of the budget that it takes, beside what it is tied to.
    #[inline]
    pub(super) fn size(&self) -> usize {
        if self.texts.len() <= TEXTS && self.ips.len() <= IPS {
            return SHARE;
        }
        let of_equal_ones =
            |room: usize, needed: usize| (BLOCK * room / needed.max(1)).clamp(1, BLOCK);
        let in_block =
            of_equal_ones(TEXTS, self.texts.len()).min(of_equal_ones(IPS, self.ips.len()));
        (BLOCK * SHARE).div_ceil(in_block)
    }

    /// A report of it again.
    pub(super) fn report(&self) -> ErrorReport {
        let texts = Texts::from_short(self.texts, self.ends, self.count as usize);
        let stack = RawStack::from_ips(self.ips.to_vec());
        ErrorReport::of_parts(self.type_name, texts, stack)
    }

    pub(super) fn to_own(self) -> Own {
        Own {
            type_name: self.type_name,
            texts: self.texts.into(),
            ends: self.ends,
            count: self.count,
            ips: self.ips.into(),
        }
    }
}

impl Hash for Packed<'_> {
    /// In few steps: of the addresses only their sum of a kind.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mix = |sum: u64, ip: &u64| sum.rotate_left(7) ^ ip;
        state.write_u64(self.ips.iter().fold(0, mix));
        state.write(self.texts);
    }
}

impl Own {
    pub(super) fn as_packed(&self) -> Packed<'_> {
        Packed {
            type_name: self.type_name,
            texts: &self.texts,
            ends: self.ends,
            count: self.count,
            ips: &self.ips,
        }
    }

    /// Memory behind it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.texts.len() + size_of_val(&*self.ips)
    }
}

/// Blocks are far below four gigabytes, and so is what an error may hold.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fmt::{self, Display};

    use super::*;
    use crate::context::Correlation;
    use crate::export::pending::Moment;
    use crate::export::spare::Spare;
    use crate::export::waiting::{Queue, Taken};

    #[derive(Debug)]
    struct Failed(String);
    impl Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }
    impl std::error::Error for Failed {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&fmt::Error)
        }
    }

    #[inline(never)]
    fn deeper(error: &Failed) -> Draft {
        std::hint::black_box(Draft::of(error))
    }

    /// Says what it holds of the budget.
    fn put(queue: &mut Queue, draft: &Draft) -> usize {
        let packed = Packed::of(draft).unwrap();
        let held = packed.size();
        let moment = Moment::now(Correlation::default());
        queue.pack(&packed, moment, held, &Spare::new(1, 1));
        held
    }

    #[test]
    fn errors_are_what_they_were_when_they_come_out() {
        let mut queue = Queue::default();
        let (mut given, mut held) = (Vec::new(), 0);
        for at in 0..500 {
            // Each twice, one behind the other.
            let error = Failed("ü".repeat(at / 2 % 100));
            // From two places, in turns of several.
            let draft = if at / 6 % 2 == 0 {
                Draft::of(&error)
            } else {
                deeper(&error)
            };
            held += put(&mut queue, &draft);
            given.push(ErrorReport::from(&draft));
        }
        let mut given = given.iter();
        let (mut last, mut again) = (String::new(), 0);
        queue.each(
            |taken| {
                let Taken::Packed(short) = taken else {
                    panic!("a packed error expected")
                };
                held -= short.held;
                let owned = short.error.to_own();
                assert_eq!(owned.as_packed(), short.error);
                let given = given.next().unwrap();
                let report = format!("{:?}", short.error.report());
                assert_eq!(report, format!("{given:?}"));
                again += usize::from(short.is_again);
                assert!(!short.is_again || report == last);
                last = report;
            },
            drop,
        );
        assert_eq!((given.next().is_none(), held), (true, 0));
        // But for those that begin a block.
        assert!((230..=250).contains(&again), "{again}");
    }

    #[test]
    fn what_is_long_has_memory_of_its_own() {
        let packs = |error: &Failed| {
            let draft = Draft::of(error);
            Packed::of(&draft).is_some()
        };
        assert!(packs(&Failed("short".to_owned())));
        assert!(!packs(&Failed("long".repeat(100))));
        let boxed: &dyn std::error::Error = &fmt::Error;
        let draft = Draft::of(boxed);
        assert!(Packed::of(&draft).is_none());
        let report = ErrorReport::from(&Draft::of(&Failed("long".repeat(100))));
        assert_eq!(report.message(), "long".repeat(100));
        assert_eq!(report.causes().count(), 1);
    }

    #[test]
    fn the_memory_of_blocks_is_counted() {
        for texts in [1, 100, 200] {
            let mut held = 0;
            let mut queue = Queue::default();
            for _ in 0..1_000 {
                let draft = Draft::of(&Failed("x".repeat(texts)));
                held += put(&mut queue, &draft);
            }
            assert!(queue.capacity() <= held + 2 * BLOCK * SHARE, "{texts}");
        }
    }
}
