//! Captured errors without memory of their own: most are short, and lie side by side in what a block of them has in common.

use std::borrow::Cow;

use super::pending::{Moment, Pending};
use super::waiting::{BLOCK, Slot};
use crate::capture::texts::{FEW, Texts};
use crate::capture::{Draft, ErrorReport};
use crate::context::Correlation;
use crate::stacktrace::RawStack;

/// A stack with more addresses than that has memory of its own.
const MOST_IPS: usize = 128;

/// An error on its way into a block, whose texts and addresses are still elsewhere.
#[derive(Debug)]
pub(super) struct Packed<'a> {
    head: Head,
    texts: &'a [u8],
    ips: &'a [u64],
}

/// An error in a block.
#[derive(Debug)]
pub(super) struct Head {
    type_name: &'static str,
    moment: Moment,
    ends: [u32; FEW],
    count: u32,
    /// Where in the block its texts and addresses begin, and their numbers.
    texts: (u32, u32),
    ips: (u32, u32),
    /// Bytes of the budget that it holds.
    pub(super) held: usize,
}

/// What the errors of a block have elsewhere.
#[derive(Debug)]
pub(super) struct Common {
    texts: Vec<u8>,
    ips: Vec<u64>,
    /// Where the addresses that came last are: mostly errors that come one after another are of one place.
    last: (u32, u32),
}

/// Room that a block has for each error's texts, in bytes, and for its addresses.
const TEXTS: usize = 64;
const IPS: usize = 24;
/// Memory of a block for each error. Where errors need more room for texts or addresses, a block ends before it has all that it could.
const SHARE: usize = size_of::<Slot>() + TEXTS + IPS * size_of::<u64>();

impl<'a> Packed<'a> {
    /// What the error is tied to comes back of one that is not short.
    pub(super) fn new(draft: &'a Draft, correlation: Correlation) -> Result<Self, Correlation> {
        let ips = draft.ips.as_slice();
        let (Cow::Borrowed(type_name), Some((texts, ends, count)), true) =
            (&draft.type_name, draft.texts.short(), ips.len() <= MOST_IPS)
        else {
            return Err(correlation);
        };
        let moment = Moment::now(correlation);
        let of_equal_ones =
            |room: usize, needed: usize| (BLOCK * room / needed.max(1)).clamp(1, BLOCK);
        let in_block = of_equal_ones(TEXTS, texts.len()).min(of_equal_ones(IPS, ips.len()));
        let held = (BLOCK * SHARE).div_ceil(in_block) + moment.size();
        Ok(Packed {
            head: Head {
                type_name,
                moment,
                ends,
                count: short(count),
                texts: (0, short(texts.len())),
                ips: (0, short(ips.len())),
                held,
            },
            texts,
            ips,
        })
    }

    pub(super) fn held(&self) -> usize {
        self.head.held
    }
}

impl Common {
    pub(super) fn of_a_block() -> Self {
        Common {
            texts: Vec::with_capacity(BLOCK * TEXTS),
            ips: Vec::with_capacity(BLOCK * IPS),
            last: (0, 0),
        }
    }

    /// Memory behind it, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.texts.capacity() + self.ips.capacity() * size_of::<u64>()
    }

    /// False where there is no room for its texts and addresses, which there is in an empty block.
    pub(super) fn has_room(&self, packed: &Packed<'_>) -> bool {
        self.texts.capacity() - self.texts.len() >= packed.texts.len()
            && self.ips.capacity() - self.ips.len() >= packed.ips.len()
    }

    /// Puts texts and addresses here.
    pub(super) fn take(&mut self, packed: Packed<'_>) -> Head {
        let Packed {
            mut head,
            texts,
            ips,
        } = packed;
        head.texts.0 = short(self.texts.len());
        self.texts.extend_from_slice(texts);
        if self.part(self.last) != ips {
            self.last = (short(self.ips.len()), head.ips.1);
            self.ips.extend_from_slice(ips);
        }
        head.ips = self.last;
        head
    }

    fn part(&self, (start, len): (u32, u32)) -> &[u64] {
        let (start, len) = (start as usize, len as usize);
        self.ips.get(start..start + len).unwrap_or_default()
    }

    /// The error with a report again.
    pub(super) fn unpack(&self, head: Head) -> Pending {
        let (start, len) = (head.texts.0 as usize, head.texts.1 as usize);
        let texts = self.texts.get(start..start + len).unwrap_or_default();
        let texts = Texts::from_short(texts, head.ends, head.count as usize);
        let stack = RawStack::from_ips(self.part(head.ips).to_vec());
        let report = ErrorReport::of_parts(head.type_name, texts, stack);
        Pending::unpacked(report, head.moment, head.held)
    }
}

/// Blocks are far below four gigabytes.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fmt::{self, Display};

    use super::*;
    use crate::export::waiting::{Queue, Waiting};

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
        std::hint::black_box(Draft::new(error))
    }

    #[test]
    fn errors_are_what_they_were_when_they_come_out() {
        let mut queue = Queue::default();
        let (mut given, mut held) = (Vec::new(), 0);
        for at in 0..500 {
            let error = Failed("ü".repeat(at % 100));
            // From two places, in turns of several.
            let draft = if at / 3 % 2 == 0 {
                Draft::new(&error)
            } else {
                deeper(&error)
            };
            let packed = Packed::new(&draft, Correlation::default()).unwrap();
            held += packed.held();
            queue.pack(packed);
            given.push(ErrorReport::from(draft));
        }
        let mut out = 0;
        for (waiting, given) in queue.into_iter().zip(&given) {
            let Waiting::Pending(pending) = waiting else {
                panic!("an error expected")
            };
            held -= pending.held;
            out += 1;
            assert_eq!(format!("{:?}", pending.report()), format!("{given:?}"));
        }
        assert_eq!((out, held), (500, 0));
    }

    #[test]
    fn what_is_long_has_memory_of_its_own() {
        let packs = |error: &Failed| {
            let draft = Draft::new(error);
            Packed::new(&draft, Correlation::default()).is_ok()
        };
        assert!(packs(&Failed("short".to_owned())));
        assert!(!packs(&Failed("long".repeat(100))));
        let boxed: &dyn std::error::Error = &fmt::Error;
        let draft = Draft::new(boxed);
        assert!(Packed::new(&draft, Correlation::default()).is_err());
        let report = ErrorReport::from(Draft::new(&Failed("long".repeat(100))));
        assert_eq!(report.message(), "long".repeat(100));
        assert_eq!(report.causes().count(), 1);
    }

    #[test]
    fn the_memory_of_blocks_is_counted() {
        for texts in [1, 100, 200] {
            let mut held = 0;
            let mut queue = Queue::default();
            for _ in 0..1_000 {
                let draft = Draft::new(&Failed("x".repeat(texts)));
                let packed = Packed::new(&draft, Correlation::default()).unwrap();
                held += packed.held();
                queue.pack(packed);
            }
            assert!(queue.capacity() <= held + 2 * BLOCK * SHARE, "{texts}");
        }
    }
}
