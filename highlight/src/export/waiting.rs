//! The errors that wait for the worker.

use super::deferred::Deferred;
use super::pending::Pending;
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
            Waiting::Pending(pending) => pending.held = size_of::<Self>() + pending.size(),
            Waiting::Deferred(deferred) => deferred.held = deferred.settle(),
        }
    }
}

/// A list in blocks: the first few errors need no allocation, further ones one in sixteen, and no block is ever moved. One list of
/// thousands would be as large as half of the budget, and larger while it grows and until its last is resolved; a block ends when
/// what is in it was written.
#[derive(Debug)]
pub(super) struct Queue(Vec<Vec<Waiting>>);

const BLOCK: usize = 16;

impl Default for Queue {
    fn default() -> Self {
        Queue(vec![Vec::with_capacity(BLOCK)])
    }
}

impl Queue {
    pub(super) fn none() -> Self {
        Queue(Vec::new())
    }

    /// The next error begins a block.
    pub(super) fn is_full(&self) -> bool {
        self.0.last().is_none_or(|block| block.len() == BLOCK)
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        if self.is_full() {
            self.0.push(Vec::with_capacity(BLOCK));
        }
        if let Some(block) = self.0.last_mut() {
            block.push(waiting);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.first().is_none_or(Vec::is_empty)
    }

    /// Oldest first.
    pub(super) fn into_iter(self) -> impl Iterator<Item = Waiting> {
        self.0.into_iter().flatten()
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
            let held: Vec<_> = queue.into_iter().map(|waiting| waiting.held()).collect();
            assert_eq!(held, (0..count).collect::<Vec<_>>());
        }
        assert!(Queue::none().is_empty());
    }
}
