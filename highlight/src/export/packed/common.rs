//! What the captured errors of a block are, each once as long as the same one comes again.

use super::super::pending::Moment;
use super::super::waiting::BLOCK;
use super::{IPS, Packed, TEXTS, short};
use crate::capture::texts::FEW;

/// An error in a block.
#[derive(Debug)]
pub(in crate::export) struct Head {
    pub(in crate::export) moment: Moment,
    /// Which of those that are different.
    pub(in crate::export) which: u32,
    /// Bytes of the budget that it holds.
    held: u32,
}

impl Head {
    pub(in crate::export) fn held(&self) -> usize {
        self.held as usize
    }
}

/// What errors of a block are. They grow: mostly errors that come one after another are the same again, or at least of one place.
#[derive(Debug)]
pub(in crate::export) struct Common {
    texts: Vec<u8>,
    ips: Vec<u64>,
    different: Vec<Different>,
}

/// One that is not the same as the one before.
#[derive(Debug)]
pub(super) struct Different {
    type_name: &'static str,
    ends: [u32; FEW],
    count: u32,
    /// Where its texts and addresses begin, and their numbers.
    texts: (u32, u32),
    ips: (u32, u32),
}

impl Common {
    pub(in crate::export) fn of_a_block() -> Self {
        // Room for a few, so that it is the rare block that has to grow.
        const FEW: usize = 4;
        Common {
            texts: Vec::with_capacity(FEW * TEXTS),
            ips: Vec::with_capacity(FEW * IPS),
            different: Vec::with_capacity(FEW),
        }
    }

    pub(in crate::export) fn clear(&mut self) {
        self.texts.clear();
        self.ips.clear();
        self.different.clear();
    }

    /// Memory behind it, in bytes.
    #[cfg(test)]
    pub(in crate::export) fn capacity(&self) -> usize {
        self.texts.capacity()
            + self.ips.capacity() * size_of::<u64>()
            + self.different.capacity() * size_of::<Different>()
    }

    /// False where there is no room for its texts and addresses, which there is in an empty block.
    #[inline]
    pub(in crate::export) fn has_room(&self, packed: &Packed<'_>) -> bool {
        self.texts.len() + packed.texts.len() <= BLOCK * TEXTS
            && self.ips.len() + packed.ips.len() <= BLOCK * IPS
    }

    /// Puts here what it is, unless the last one was the same.
    #[inline]
    pub(in crate::export) fn take(
        &mut self,
        packed: &Packed<'_>,
        moment: Moment,
        held: usize,
    ) -> Head {
        let last = self.different.last();
        if !last.is_some_and(|last| self.packed(last) == *packed) {
            self.add(packed);
        }
        Head {
            moment,
            which: short(self.different.len() - 1),
            held: short(held),
        }
    }

    fn add(&mut self, packed: &Packed<'_>) {
        let last = self.different.last();
        let ips = if let Some(last) = last.filter(|last| self.ips_of(last) == packed.ips) {
            last.ips
        } else {
            let start = short(self.ips.len());
            self.ips.extend_from_slice(packed.ips);
            (start, short(packed.ips.len()))
        };
        let texts = (short(self.texts.len()), short(packed.texts.len()));
        self.texts.extend_from_slice(packed.texts);
        self.different.push(Different {
            type_name: packed.type_name,
            ends: packed.ends,
            count: packed.count,
            texts,
            ips,
        });
    }

    #[inline]
    fn ips_of(&self, one: &Different) -> &[u64] {
        let (start, len) = (one.ips.0 as usize, one.ips.1 as usize);
        self.ips.get(start..start + len).unwrap_or_default()
    }

    #[inline]
    fn packed(&self, one: &Different) -> Packed<'_> {
        let (start, len) = (one.texts.0 as usize, one.texts.1 as usize);
        Packed {
            type_name: one.type_name,
            texts: self.texts.get(start..start + len).unwrap_or_default(),
            ends: one.ends,
            count: one.count,
            ips: self.ips_of(one),
        }
    }

    /// What `take` took.
    pub(in crate::export) fn of(&self, which: u32) -> Packed<'_> {
        let one = self.different.get(which as usize);
        one.map(|one| self.packed(one)).unwrap_or_default()
    }
}
