//! The errors that wait for the worker.

use std::mem;

use super::deferred::Deferred;
use super::packed::{Common, Head, Packed};
use super::pending::{Moment, Pending};
use super::spare::Spare;
use super::stats::Signal;

/// What waits.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A captured error.
    Pending(Pending),
    /// A record that lacks stacks. It is the larger and the rarer of the two.
    Deferred(Box<Deferred>),
}

impl Waiting {
    pub(super) fn signal(&self) -> Signal {
        match self {
            Waiting::Pending(_) => Signal::Traces,
            Waiting::Deferred(deferred) => deferred.signal,
        }
    }

    /// Bytes of the budget that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Waiting::Pending(pending) => pending.held,
            Waiting::Deferred(deferred) => deferred.held,
        }
    }

    /// Gives back what is not used, and notes the bytes that it takes.
    pub(super) fn settle(&mut self) {
        match self {
            Waiting::Pending(pending) => {
                pending.held = size_of::<Slot>() + size_of::<Self>() + pending.size();
            }
            Waiting::Deferred(deferred) => deferred.held = deferred.settle(),
        }
    }
}

/// What waited.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    /// A captured error.
    Packed(Short<'a>),
    Whole(Waiting),
}

/// A captured error that lay in a block.
#[derive(Debug)]
pub(super) struct Short<'a> {
    pub(super) error: Packed<'a>,
    /// The one that was taken before is the same error.
    pub(super) is_again: bool,
    pub(super) moment: Moment,
    /// Bytes of the budget that it holds.
    pub(super) held: usize,
}

impl Taken<'_> {
    pub(super) fn signal(&self) -> Signal {
        match self {
            Taken::Packed(_) => Signal::Traces,
            Taken::Whole(waiting) => waiting.signal(),
        }
    }

    /// Bytes of the budget that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Taken::Packed(short) => short.held,
            Taken::Whole(waiting) => waiting.held(),
        }
    }
}

/// One place in a block.
#[derive(Debug)]
pub(super) enum Slot {
    Packed(Head),
    Whole(Box<Waiting>),
}

/// A list in blocks: the first errors need no allocation, further ones four in sixty-four until blocks come back, and no block is ever
/// moved. One list of thousands would be as large as half of the budget, and larger while it grows and until its last is resolved; a block
/// is given back when what is in it was written.
#[derive(Debug)]
pub(super) struct Queue {
    blocks: Vec<Block>,
}

#[derive(Debug)]
pub(super) struct Block {
    slots: Vec<Slot>,
    common: Common,
}

/// Errors of a block, at most.
pub(super) const BLOCK: usize = 64;
/// Blocks that the worker is woken for: about a thousand errors.
const MANY: usize = 16;

/// Blocks to be filled again: as many are being filled while the others are being written.
pub(super) fn spare() -> Spare<Block> {
    Spare::new(2 * MANY, 2)
}

impl Block {
    fn new() -> Self {
        Block {
            slots: Vec::with_capacity(BLOCK),
            common: Common::of_a_block(),
        }
    }

    /// One that was kept, or a new one.
    fn from(spare: &Spare<Self>) -> Self {
        spare.take().unwrap_or_else(Block::new)
    }

    fn is_full(&self) -> bool {
        self.slots.len() == BLOCK
    }
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            blocks: vec![Block::new()],
        }
    }
}

impl Queue {
    /// What is in it, which is nothing then.
    pub(super) fn take(&mut self, spare: &Spare<Block>) -> Self {
        let mut blocks = Vec::new();
        if !self.is_empty() {
            let mut next = Vec::with_capacity(MANY + 1);
            next.push(Block::from(spare));
            blocks = mem::replace(&mut self.blocks, next);
        }
        Queue { blocks }
    }

    /// The next error begins a block.
    pub(super) fn is_full(&self) -> bool {
        self.blocks.last().is_none_or(Block::is_full)
    }

    /// With the last error there are so many that they are worth being written. It is so again from time to time, if nothing becomes of it.
    pub(super) fn has_become_long(&self) -> bool {
        let is_first = self.blocks.last().is_some_and(|last| last.slots.len() == 1);
        is_first && self.blocks.len() > MANY && self.blocks.len() % MANY == 1
    }

    pub(super) fn push(&mut self, waiting: Waiting, spare: &Spare<Block>) {
        let block = self.block(spare, |block| !block.is_full());
        block.slots.push(Slot::Whole(Box::new(waiting)));
    }

    #[inline]
    pub(super) fn pack(
        &mut self,
        packed: &Packed<'_>,
        moment: Moment,
        held: usize,
        spare: &Spare<Block>,
    ) {
        let has_room = |block: &Block| !block.is_full() && block.common.has_room(packed);
        let block = self.block(spare, has_room);
        let slot = Slot::Packed(block.common.take(packed, moment, held));
        block.slots.push(slot);
    }

    /// The last block where that is `good`, or a new one.
    #[inline]
    fn block(&mut self, spare: &Spare<Block>, good: impl FnOnce(&Block) -> bool) -> &mut Block {
        if !self.blocks.last().is_some_and(good) {
            self.blocks.push(Block::from(spare));
        }
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    /// Memory of its blocks, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let block =
            |block: &Block| block.slots.capacity() * size_of::<Slot>() + block.common.capacity();
        self.blocks.iter().map(block).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks
            .first()
            .is_none_or(|block| block.slots.is_empty())
    }

    /// Oldest first. A block is `done` when what is in it was taken.
    pub(super) fn each(self, mut take: impl FnMut(Taken<'_>), mut done: impl FnMut(Block)) {
        for mut block in self.blocks {
            let Block { slots, common } = &mut block;
            let mut last = None;
            for slot in slots.drain(..) {
                let this = match &slot {
                    Slot::Packed(head) => Some(head.which),
                    Slot::Whole(_) => None,
                };
                let before = mem::replace(&mut last, this);
                take(match slot {
                    Slot::Packed(head) => Taken::Packed(Short {
                        error: common.of(head.which),
                        is_again: before == this,
                        held: head.held(),
                        moment: head.moment,
                    }),
                    Slot::Whole(waiting) => Taken::Whole(*waiting),
                });
            }
            common.clear();
            done(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;

    use super::*;

    fn error(held: usize) -> Waiting {
        Waiting::Deferred(Box::new(Deferred {
            signal: Signal::Logs,
            scope: InstrumentationScope::default(),
            record: Vec::new(),
            gaps: Vec::new(),
            held,
        }))
    }

    #[test]
    fn errors_come_out_in_the_order_they_went_in() {
        for count in [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3] {
            let (mut queue, spare) = (Queue::default(), spare());
            for at in 0..count {
                queue.push(error(at), &spare);
            }
            assert_eq!(queue.is_empty(), count == 0);
            let mut held = Vec::new();
            queue.each(|taken| held.push(taken.held()), drop);
            assert_eq!(held, (0..count).collect::<Vec<_>>());
        }
        assert!(Queue::default().take(&spare()).is_empty());
    }

    #[test]
    fn blocks_are_filled_again() {
        let errors = |queue: &mut Queue, spare: &Spare<Block>| {
            let mut long = 0;
            for _ in 0..40 * BLOCK {
                queue.push(error(0), spare);
                long += usize::from(queue.has_become_long());
            }
            long
        };
        let slots = |block: &Block| block.slots.as_ptr();
        let (mut queue, spare) = (Queue::default(), spare());
        assert_eq!(
            errors(&mut queue, &spare),
            2,
            "once for every so many blocks"
        );
        let mut given = Vec::new();
        queue.take(&spare).each(
            |taken| drop(taken),
            |block| {
                given.push(slots(&block));
                spare.keep(block, false);
            },
        );
        assert!(queue.is_empty());
        errors(&mut queue, &spare);
        assert!(spare.take().is_none());
        let used = queue.blocks.iter().map(slots);
        let again = used.filter(|block| given.contains(block)).count();
        assert_eq!(again, 2 * MANY);
    }
}
