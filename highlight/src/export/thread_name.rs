//! The attribute `thread.name` of log records, encoded once a thread.

use std::cell::OnceCell;

use super::log_record::ATTRIBUTES;
use super::proto::{self, Scalar};

thread_local! {
    /// Empty for a thread without a name.
    static ENCODED: OnceCell<Box<[u8]>> = const { OnceCell::new() };
}

/// Writes the name of the current thread, when it has one.
#[inline]
pub(super) fn write(buf: &mut Vec<u8>) {
    let known = ENCODED.try_with(|known| {
        buf.extend_from_slice(known.get_or_init(encode));
    });
    if known.is_err() {
        // The thread is ending.
        buf.extend_from_slice(&encode());
    }
}

fn encode() -> Box<[u8]> {
    let mut encoded = Vec::new();
    if let Some(name) = std::thread::current().name() {
        proto::key_value(&mut encoded, ATTRIBUTES, "thread.name", Scalar::Str(name));
    }
    encoded.into()
}
