//! Blocks whose records are compressed, to be filled again: of fresh memory the caller would pay for every first touch of a page.

use super::buffer::lock;
use super::chunk::LARGEST_BLOCK;
use super::sync::Mutex;

/// Two sealed chunks' worth: one is being filled while the other is being sent. They are given up once nothing is waiting.
const MOST: usize = 32;
/// Half a megabyte, while memory is short: they are beside the budget.
const FEW: usize = 8;

#[derive(Debug)]
pub(crate) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    pub(crate) fn new() -> Self {
        Spare(Mutex::new(Vec::new()))
    }

    /// An empty block with exactly this capacity. It never waits, so that it works in a forked child too.
    pub(crate) fn take(&self, capacity: usize) -> Vec<u8> {
        let kept = self.0.try_lock().ok().filter(|_| capacity == LARGEST_BLOCK);
        let kept = kept.and_then(|mut blocks| blocks.pop());
        kept.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// Keeps a block, or a few where memory is short.
    pub(crate) fn keep(&self, mut block: Vec<u8>, is_short: bool) {
        let most = if is_short { FEW } else { MOST };
        if block.capacity() == LARGEST_BLOCK {
            block.clear();
            let mut blocks = lock(&self.0);
            blocks.truncate(most - 1);
            blocks.push(block);
        }
    }

    pub(crate) fn give_up(&self) {
        let blocks = std::mem::take(&mut *lock(&self.0));
        drop(blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_block_is_the_next_one_taken_and_their_number_is_bounded() {
        let spare = Spare::new();
        let mut block = spare.take(LARGEST_BLOCK);
        block.push(1);
        let address = block.as_ptr();
        spare.keep(block, false);
        spare.keep(Vec::with_capacity(100), false);
        assert_eq!(spare.take(100).capacity(), 100);
        let again = spare.take(LARGEST_BLOCK);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
        for _ in 0..2 * MOST {
            spare.keep(Vec::with_capacity(LARGEST_BLOCK), false);
        }
        assert_eq!(lock(&spare.0).len(), MOST);
        spare.keep(Vec::with_capacity(LARGEST_BLOCK), true);
        assert_eq!(lock(&spare.0).len(), FEW);
        spare.give_up();
        assert_eq!(lock(&spare.0).len(), 0);
    }
}
