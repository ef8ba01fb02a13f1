//! The errors that wait for the worker.

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

/// A list in blocks: the first errors need no allocation, further ones three in sixty-four, and no block is ever moved. One list of
/// thousands would be as large as half of the budget, and larger while it grows and until its last is resolved; a block ends when
/// what is in it was written.
#[derive(Debug)]
pub(super) struct Queue(Vec<Block>);

#[derive(Debug)]
struct Block {
    slots: Vec<Slot>,
    common: Common,
}

/// Errors of a block, at most.
pub(super) const BLOCK: usize = 64;

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
        Queue(vec![Block::new()])
    }
}

impl Queue {
    pub(super) fn none() -> Self {
        Queue(Vec::new())
    }

    /// The next error begins a block.
    pub(super) fn is_full(&self) -> bool {
        self.0.last().is_none_or(Block::is_full)
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
        let at = match self.0.last() {
            Some(last) if good(last) => self.0.len() - 1,
            _ => {
                self.0.push(Block::new());
                self.0.len() - 1
            }
        };
        &mut self.0[at]
    }

    /// Memory of its blocks, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let block =
            |block: &Block| block.slots.capacity() * size_of::<Slot>() + block.common.capacity();
        self.0.iter().map(block).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.first().is_none_or(|block| block.slots.is_empty())
    }

    /// Oldest first. A block ends when what is in it was taken.
    pub(super) fn each(self, mut take: impl FnMut(Taken<'_>)) {
        for Block { slots, common } in self.0 {
            for slot in slots {
                take(match slot {
                    Slot::Packed(head) => Taken::Packed(common.of(&head), head.moment, head.held),
                    Slot::Whole(waiting) => Taken::Whole(*waiting),
                });
            }
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
            queue.each(|taken| held.push(taken.held()));
            assert_eq!(held, (0..count).collect::<Vec<_>>());
        }
        assert!(Queue::none().is_empty());
    }
}
