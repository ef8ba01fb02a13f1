//! Captured errors without memory of their own: most are short, and lie side by side in what a block of them has in common.

use std::borrow::Cow;

use super::pending::{Moment, Pending};
use super::waiting::Slot;
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
/// Memory of a block for each error. One that needs more of its texts' or addresses' room leaves the rest to nobody.
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
        let of_texts = texts.len() * SHARE / TEXTS;
        let of_ips = ips.len() * SHARE / IPS;
        let held = SHARE.max(of_texts).max(of_ips) + moment.size();
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
    pub(super) fn for_errors(count: usize) -> Self {
        Common {
            texts: Vec::with_capacity(count * TEXTS),
            ips: Vec::with_capacity(count * IPS),
            last: (0, 0),
        }
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
