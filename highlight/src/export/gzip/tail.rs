//! What many records end with: in memory once, and in a stream a repeat that nobody has to look for.

use std::sync::OnceLock;

use super::Before;
use super::checksum::Effect;
use super::repeats::Repeats;
use super::writer::{Apart, Writer};

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: Box<[u8]>,
    pub(super) effect: Effect,
    /// As it begins a stream, in which nothing is like it yet.
    alone: OnceLock<Apart>,
}

impl Tail {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Tail {
            effect: Effect::of(bytes),
            bytes: bytes.into(),
            alone: OnceLock::new(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Compressed by itself, once.
    pub(super) fn alone(&self) -> &Apart {
        self.alone.get_or_init(|| {
            let mut writer = Writer::apart();
            Repeats::new().write(Before::default(), &self.bytes, &mut writer);
            writer.finish_apart()
        })
    }

    /// Memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        // Compressed it is not much longer at worst.
        size_of::<Self>() + 2 * self.bytes.len()
    }
}
