//! The errors that wait for the worker.

use std::mem;

use super::deferred::Deferred;
use super::packed::{Common, Head, Packed};
use super::pending::{Moment, Pending};
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
    /// A captured error, what it is tied to, and the bytes of the budget that it holds.
    Packed(Packed<'a>, Moment, usize),
    Whole(Waiting),
}

impl Taken<'_> {
    pub(super) fn signal(&self) -> Signal {
        match self {
            Taken::Packed(..) => Signal::Traces,
            Taken::Whole(waiting) => waiting.signal(),
        }
    }

    /// Bytes of the budget that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Taken::Packed(_, _, held) => *held,
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

/// A list in blocks: the first errors need no allocation, further ones three in sixty-four until blocks come back, and no block is ever
/// moved. One list of thousands would be as large as half of the budget, and larger while it grows and until its last is resolved; a block
/// is given back when what is in it was written.
#[derive(Debug)]
pub(super) struct Queue {
    blocks: Vec<Block>,
    /// Empty ones, to be filled again.
    spare: Vec<Block>,
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
/// Blocks that are kept: as many are being filled while the others are being written. They are beside the budget: few of them while memory
/// is short.
const MOST_SPARE: usize = 2 * MANY;
const FEW_SPARE: usize = 2;

impl Block {
    fn new() -> Self {
        Block {
            slots: Vec::with_capacity(BLOCK),
            common: Common::of_a_block(),
        }
    }

    fn is_full(&self) -> bool {
        self.slots.len() == BLOCK
    }
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            blocks: vec![Block::new()],
            spare: Vec::new(),
        }
    }
}

impl Queue {
    /// What is in it, which is nothing then.
    pub(super) fn take(&mut self) -> Self {
        let mut blocks = Vec::new();
        if !self.is_empty() {
            let next = self.spare.pop().unwrap_or_else(Block::new);
            blocks = mem::replace(&mut self.blocks, vec![next]);
        }
        let spare = Vec::new();
        Queue { blocks, spare }
    }

    /// Keeps a block whose errors are all written.
    pub(super) fn keep(&mut self, block: Block, is_short: bool) {
        let most = if is_short { FEW_SPARE } else { MOST_SPARE };
        self.spare.truncate(most - 1);
        self.spare.push(block);
    }

    pub(super) fn give_up_spare(&mut self) {
        self.spare = Vec::new();
    }

    /// The next error begins a block.
    pub(super) fn is_full(&self) -> bool {
        self.blocks.last().is_none_or(Block::is_full)
    }

    /// There are so many that they are worth being written.
    pub(super) fn is_long(&self) -> bool {
        self.blocks.len() > MANY
    }

    /// The same, as of the last error. It is so again from time to time, if nothing becomes of it.
    pub(super) fn has_become_long(&self) -> bool {
        let is_first = self.blocks.last().is_some_and(|last| last.slots.len() == 1);
        is_first && self.is_long() && self.blocks.len() % MANY == 1
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        let block = self.block(|block| !block.is_full());
        block.slots.push(Slot::Whole(Box::new(waiting)));
    }

    #[inline]
    pub(super) fn pack(&mut self, packed: &Packed<'_>, moment: Moment, held: usize) {
        let block = self.block(|block| !block.is_full() && block.common.has_room(packed));
        let slot = Slot::Packed(block.common.take(packed, moment, held));
        block.slots.push(slot);
    }

    /// The last block where that is `good`, or a new one.
    #[inline]
    fn block(&mut self, good: impl FnOnce(&Block) -> bool) -> &mut Block {
        if !self.blocks.last().is_some_and(good) {
            let next = self.spare.pop().unwrap_or_else(Block::new);
            self.blocks.push(next);
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
            for slot in slots.drain(..) {
                take(match slot {
                    Slot::Packed(head) => Taken::Packed(common.of(&head), head.moment, head.held),
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

    #[test]
    fn errors_come_out_in_the_order_they_went_in() {
        for count in [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3] {
            let mut queue = Queue::default();
            for at in 0..count {
                queue.push(Waiting::Deferred(Box::new(Deferred {
                    signal: Signal::Logs,
                    scope: InstrumentationScope::default(),
                    record: Vec::new(),
                    gaps: Vec::new(),
                    held: at,
                })));
            }
            assert_eq!(queue.is_empty(), count == 0);
            let mut held = Vec::new();
            queue.each(|taken| held.push(taken.held()), drop);
            assert_eq!(held, (0..count).collect::<Vec<_>>());
        }
        assert!(Queue::default().take().is_empty());
    }

    #[test]
    fn blocks_are_filled_again_and_few_are_kept() {
        let errors = |queue: &mut Queue| {
            let mut long = 0;
            for _ in 0..40 * BLOCK {
                queue.push(Waiting::Deferred(Box::new(Deferred {
                    signal: Signal::Logs,
                    scope: InstrumentationScope::default(),
                    record: Vec::new(),
                    gaps: Vec::new(),
                    held: 0,
                })));
                long += usize::from(queue.has_become_long());
            }
            long
        };
        let slots = |block: &Block| block.slots.as_ptr();
        let mut queue = Queue::default();
        assert_eq!(errors(&mut queue), 2, "once for every so many blocks");
        assert!(queue.is_long());
        let mut done = Vec::new();
        queue
            .take()
            .each(|taken| drop(taken), |block| done.push(block));
        assert!(!queue.is_long() && queue.is_empty());
        let given: Vec<_> = done.iter().map(slots).collect();
        for block in done {
            queue.keep(block, false);
        }
        assert_eq!(queue.spare.len(), MOST_SPARE);
        errors(&mut queue);
        assert!(queue.spare.is_empty());
        let used = queue.blocks.iter().map(slots);
        let again = used.filter(|block| given.contains(block)).count();
        assert_eq!(again, MOST_SPARE);
        queue
            .take()
            .each(|taken| drop(taken), |block| queue.keep(block, true));
        assert_eq!(queue.spare.len(), FEW_SPARE);
        queue.give_up_spare();
        assert!(queue.spare.is_empty());
    }
}
