//! Blocks whose records are on their way, to be filled again: of fresh memory the caller would pay for every first touch of a page.

use super::buffer::lock;
use super::chunk::LARGEST_BLOCK;
use super::sync::Mutex;

/// Empty blocks. They are beside the budget, so there are fewer of them while memory is short, and they are given up once nothing is
/// waiting.
#[derive(Debug)]
pub(crate) struct Spare<T> {
    blocks: Mutex<Vec<T>>,
    most: usize,
    few: usize,
}

impl<T> Spare<T> {
    /// Keeps at most so many, and so few while memory is short.
    pub(crate) fn new(most: usize, few: usize) -> Self {
        let blocks = Mutex::new(Vec::new());
        Spare { blocks, most, few }
    }

    /// It never waits, so that it works in a forked child too.
    pub(crate) fn take(&self) -> Option<T> {
        self.blocks.try_lock().ok()?.pop()
    }

    pub(crate) fn keep(&self, block: T, is_short: bool) {
        let most = if is_short { self.few } else { self.most };
        let mut blocks = lock(&self.blocks);
        let first_too_many = blocks.len().min(most - 1);
        let too_many = blocks.split_off(first_too_many);
        blocks.push(block);
        drop(blocks);
        // Here, where nobody waits for it.
        drop(too_many);
    }

    pub(crate) fn give_up(&self) {
        let blocks = std::mem::take(&mut *lock(&self.blocks));
        drop(blocks);
    }
}

impl Spare<Vec<u8>> {
    /// Two sealed chunks' worth of blocks: one is being filled while the other is being sent. Half a megabyte while memory is short.
    pub(crate) fn of_chunks() -> Self {
        Spare::new(32, 8)
    }

    /// An empty block with exactly this capacity.
    pub(crate) fn take_bytes(&self, capacity: usize) -> Vec<u8> {
        let kept = (capacity == LARGEST_BLOCK).then(|| self.take()).flatten();
        kept.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    pub(crate) fn keep_bytes(&self, mut block: Vec<u8>, is_short: bool) {
        if block.capacity() == LARGEST_BLOCK {
            block.clear();
            self.keep(block, is_short);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_block_is_the_next_one_taken_and_their_number_is_bounded() {
        let spare = Spare::new(10, 3);
        assert_eq!(spare.take(), None);
        for block in 1..=20 {
            spare.keep(block, false);
        }
        assert_eq!(lock(&spare.blocks).len(), 10);
        assert_eq!(spare.take(), Some(20));
        spare.keep(21, true);
        assert_eq!(lock(&spare.blocks).len(), 3);
        assert_eq!(spare.take(), Some(21));
        spare.give_up();
        assert_eq!(spare.take(), None);
    }

    #[test]
    fn bytes_come_back_empty_and_as_large_as_they_were_asked_for() {
        let spare = Spare::of_chunks();
        let mut block = spare.take_bytes(LARGEST_BLOCK);
        block.push(1);
        let address = block.as_ptr();
        spare.keep_bytes(block, false);
        spare.keep_bytes(Vec::with_capacity(100), false);
        assert_eq!(spare.take_bytes(100).capacity(), 100);
        let again = spare.take_bytes(LARGEST_BLOCK);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }
}
