//! The worker's stacks: addresses become frames, and frames the text that is sent, once for all errors of a place.

use std::collections::HashMap;

use super::deferred::Gap;
use super::proto::{self, Scalar};
use crate::stacktrace::{Entries, Frame, Lines, Resolver, SourceLines, Stack, StackForm};

/// How the worker writes stacks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StackStyle {
    pub(crate) form: StackForm,
    /// Source lines around in-app frames, where the file is readable.
    pub(crate) source_context: bool,
}

/// Bytes of the stacks that are remembered before all are forgotten.
const MAX_KNOWN: usize = 512 * 1024;

/// What addresses mean, what source files say, and the stacks that were sent before.
#[derive(Debug)]
pub(super) struct Stacks {
    style: StackStyle,
    resolver: Resolver,
    source: SourceLines,
    known: HashMap<Stack, Written>,
    /// Memory of the known ones, in bytes.
    size: usize,
    text: String,
}

/// A stack as it is sent, but for the message of its error.
#[derive(Debug)]
struct Written {
    lines: Lines,
    entries: Entries,
    /// What there is in place of the application's frames, when none could be told: the binary is stripped.
    addresses: String,
    /// The first frame of the application's own code.
    place: Option<Frame>,
}

impl Stacks {
    pub(super) fn new(style: StackStyle) -> Self {
        Stacks {
            style,
            resolver: Resolver::new(),
            source: SourceLines::new(),
            known: HashMap::new(),
            size: 0,
            text: String::new(),
        }
    }

    /// Writes the attributes of an error's stack as `KeyValue`s with the given field number.
    pub(super) fn write(&mut self, gap: &Gap, buf: &mut Vec<u8>, field: u32) {
        if !self.known.contains_key(&gap.stack) {
            self.learn(&gap.stack);
        }
        let Some(written) = self.known.get(&gap.stack) else {
            return;
        };
        let mut text = |key, value: &str| proto::key_value(buf, field, key, Scalar::Str(value));
        self.text.clear();
        written
            .lines
            .write(&mut self.text, &gap.message, &gap.chain);
        text("exception.stacktrace", &self.text);
        self.text.clear();
        written.entries.write(&mut self.text, &gap.message);
        text("exception.structured_stacktrace", &self.text);
        if !written.addresses.is_empty() {
            text("exception.stack_addresses", &written.addresses);
        }
        if let Some(place) = written.place.as_ref().filter(|_| !gap.located) {
            text("code.function.name", &place.function);
            text("code.file.path", &place.file);
            let line = Scalar::Int(i64::from(place.line));
            proto::key_value(buf, field, "code.line.number", line);
        }
    }

    fn learn(&mut self, stack: &Stack) {
        let trace = stack.resolve(&mut self.resolver);
        let source = self.style.source_context.then_some(&mut self.source);
        let place = trace.frames.iter().find(|frame| frame.in_app).cloned();
        let written = Written {
            lines: Lines::of(&trace, self.style.form),
            entries: Entries::of(&trace, source),
            addresses: match place {
                Some(_) => String::new(),
                None => stack.addresses(),
            },
            place,
        };
        let stack = stack.clone();
        let size = stack.size() + written.size();
        if self.size + size > MAX_KNOWN {
            self.known.clear();
            self.size = 0;
        }
        self.size += size;
        self.known.insert(stack, written);
    }
}

impl Written {
    /// Memory, in bytes.
    fn size(&self) -> usize {
        let place = self.place.iter();
        let place = place.map(|place| place.function.capacity() + place.file.capacity());
        size_of::<Stack>()
            + size_of::<Self>()
            + self.lines.size()
            + self.entries.size()
            + self.addresses.capacity()
            + place.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::deferred::Place;
    use super::*;
    use crate::stacktrace::RawStack;

    const STYLE: StackStyle = StackStyle {
        form: StackForm::Go,
        source_context: false,
    };

    fn gap(stack: Stack, message: &str, located: bool) -> Gap {
        Gap {
            place: Place::Record { attributes: 9 },
            stack,
            message: message.to_owned(),
            chain: vec!["cause".to_owned()],
            located,
        }
    }

    fn write(stacks: &mut Stacks, gap: &Gap) -> Vec<u8> {
        let mut buf = Vec::new();
        stacks.write(gap, &mut buf, 9);
        buf
    }

    #[test]
    fn a_known_stack_is_written_as_when_it_was_new() {
        let printed = "   0: shop::pay\n             at src/pay.rs:12\n".to_owned();
        let mut stacks = Stacks::new(STYLE);
        for stack in [Stack::Raw(RawStack::capture()), Stack::Printed(printed)] {
            for (message, located) in [("one", false), ("two \"quoted\"", true), ("one", false)] {
                let gap = gap(stack.clone(), message, located);
                let fresh = write(&mut Stacks::new(STYLE), &gap);
                assert_eq!(write(&mut stacks, &gap), fresh);
                let located_at = b"code.line.number";
                assert_eq!(fresh.windows(16).any(|text| text == located_at), !located);
            }
        }
        assert_eq!(stacks.known.len(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut stacks = Stacks::new(STYLE);
        for line in 0..3_000 {
            let printed = format!("   0: shop::pay\n             at src/pay.rs:{line}\n");
            write(&mut stacks, &gap(Stack::Printed(printed), "message", false));
            assert!(stacks.size <= MAX_KNOWN);
        }
        assert!(stacks.known.len() < 3_000);
        let known = stacks.known.iter();
        let sizes = known.map(|(stack, written)| stack.size() + written.size());
        assert_eq!(sizes.sum::<usize>(), stacks.size);
    }
}
