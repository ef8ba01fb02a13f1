//! An error record that lacks its stack: the caller captured addresses, the worker turns them into text.

use opentelemetry::InstrumentationScope;

use super::proto;
use super::stacks::Stacks;
use super::stats::Signal;
use super::waiting::{Slot, Waiting};
use crate::stacktrace::Stack;

/// A record complete but for the stacks of its errors.
///
/// Protobuf messages are concatenations of their fields, so a record is completed by appending to it.
#[derive(Debug)]
pub(crate) struct Deferred {
    pub(crate) signal: Signal,
    pub(crate) scope: InstrumentationScope,
    pub(crate) record: Vec<u8>,
    pub(crate) gaps: Vec<Gap>,
    /// Bytes of the budget that it holds.
    pub(crate) held: usize,
}

/// Where stack attributes belong.
#[derive(Debug)]
pub(crate) enum Place {
    /// On the record itself, as attributes with this field number.
    Record { attributes: u32 },
    /// On this unfinished event, itself the given field of the record.
    Event {
        bytes: Vec<u8>,
        field: u32,
        attributes: u32,
    },
}

/// One missing stack and what is needed to write it.
#[derive(Debug)]
pub(crate) struct Gap {
    pub(crate) place: Place,
    pub(crate) stack: Stack,
    pub(crate) message: String,
    pub(crate) chain: Vec<String>,
    /// The record tells already where in the code it was made.
    pub(crate) located: bool,
}

impl Deferred {
    /// Gives back what is not used, and tells the bytes that it takes, which the byte budget counts.
    pub(crate) fn settle(&mut self) -> usize {
        // Lists that have grown one by one have room for four.
        self.gaps.shrink_to_fit();
        self.record.shrink_to_fit();
        let gaps: usize = self.gaps.iter().map(Gap::size).sum();
        let list = self.gaps.capacity() * size_of::<Gap>();
        size_of::<Slot>()
            + size_of::<Waiting>()
            + size_of::<Self>()
            + self.record.capacity()
            + list
            + gaps
    }

    /// Writes the record with its stacks into `buf`.
    pub(super) fn complete(&self, buf: &mut Vec<u8>, stacks: &mut Stacks) {
        self.fill(buf, |gap, buf, field| stacks.write(gap, buf, field));
    }

    /// The record without its stacks.
    pub(crate) fn bare(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        self.fill(&mut buf, |_, _, _| {});
        buf
    }

    fn fill(&self, buf: &mut Vec<u8>, mut fill: impl FnMut(&Gap, &mut Vec<u8>, u32)) {
        buf.clear();
        buf.extend_from_slice(&self.record);
        for gap in &self.gaps {
            match &gap.place {
                Place::Record { attributes } => fill(gap, buf, *attributes),
                Place::Event {
                    bytes,
                    field,
                    attributes,
                } => {
                    let start = buf.len();
                    buf.extend_from_slice(bytes);
                    fill(gap, buf, *attributes);
                    proto::wrap(buf, *field, start);
                }
            }
        }
    }
}

impl Gap {
    /// What it has elsewhere, in bytes.
    fn size(&self) -> usize {
        let event = match &self.place {
            Place::Record { .. } => 0,
            Place::Event { bytes, .. } => bytes.capacity(),
        };
        let texts = self.chain.iter().chain([&self.message]);
        let texts: usize = texts.map(String::capacity).sum();
        let list = self.chain.capacity() * size_of::<String>();
        event + texts + list + self.stack.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacktrace::RawStack;

    #[test]
    fn what_waits_is_counted_with_all_that_it_has_allocated() {
        let mut chain = Vec::with_capacity(3);
        chain.push("cause".to_owned());
        let gap = Gap {
            place: Place::Event {
                bytes: Vec::with_capacity(100),
                field: 11,
                attributes: 3,
            },
            stack: Stack::Raw(RawStack::from_ips(vec![1, 2])),
            message: "message".to_owned(),
            chain,
            located: false,
        };
        // As they grow when one is pushed.
        let mut gaps = Vec::with_capacity(4);
        gaps.push(gap);
        let mut deferred = Deferred {
            signal: Signal::Traces,
            scope: InstrumentationScope::builder("a").build(),
            record: Vec::with_capacity(500),
            gaps,
            held: 0,
        };
        let ends = 100 + 2 * size_of::<u64>() + "message".len();
        let chain = 3 * size_of::<String>() + "cause".len();
        let expected = size_of::<Slot>()
            + size_of::<Waiting>()
            + size_of::<Deferred>()
            + size_of::<Gap>()
            + ends
            + chain;
        assert_eq!(deferred.settle(), expected);
        assert_eq!(
            (deferred.gaps.capacity(), deferred.record.capacity()),
            (1, 0)
        );
    }
}
