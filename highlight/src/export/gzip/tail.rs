//! What many records end with: in memory once, and in a stream a repeat that nobody has to look for.

use super::checksum::Effect;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: Box<[u8]>,
    pub(super) effect: Effect,
}

impl Tail {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Tail {
            effect: Effect::of(bytes),
            bytes: bytes.into(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}
