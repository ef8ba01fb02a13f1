//! The worker's part in errors: it writes what waits.

use opentelemetry::InstrumentationScope;

use super::buffer::Buffer;
use super::chunk::{LARGEST_BLOCK, Record};
use super::pending::Moment;
use super::repeated::Repeated;
use super::stacks::{StackStyle, Stacks};
use super::stats::Signal;
use super::told::Told;
use super::waiting::{Taken, Waiting};
use crate::scrub::Scrub;

/// How the worker writes errors.
#[derive(Debug, Clone)]
pub(crate) struct ErrorStyle {
    pub(crate) stacks: StackStyle,
    pub(crate) scrub: Scrub,
    /// Of an error's own span.
    pub(crate) scope: InstrumentationScope,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Errors {
    style: ErrorStyle,
    stacks: Stacks,
    repeated: Repeated,
    record: Vec<u8>,
}

/// A record with its stacks.
#[derive(Debug)]
pub(crate) struct Resolved<'a> {
    pub(crate) signal: Signal,
    pub(crate) scope: &'a InstrumentationScope,
    /// Bytes of the budget that it held while it waited.
    pub(crate) held: usize,
    pub(crate) record: Record<'a>,
}

impl Errors {
    pub(crate) fn new(style: ErrorStyle) -> Self {
        Errors {
            stacks: Stacks::new(style.stacks),
            style,
            repeated: Repeated::new(),
            record: Vec::new(),
        }
    }

    /// Writes all that waits into the buffer's open chunks. Whenever one is full, `compress` makes room. True when there was something.
    pub(crate) fn complete(&mut self, buffer: &Buffer, mut compress: impl FnMut()) -> bool {
        let mut some = false;
        let write = |waiting: Taken<'_>| {
            some = true;
            self.write(waiting, buffer, &mut compress);
        };
        buffer
            .take_waiting()
            .each(write, |block| buffer.keep_errors(block));
        // One that was large is no reason to keep so much memory.
        self.record.shrink_to(LARGEST_BLOCK);
        some
    }

    fn write(&mut self, waiting: Taken<'_>, buffer: &Buffer, compress: &mut impl FnMut()) {
        let Errors {
            style: ErrorStyle { scrub, scope, .. },
            stacks,
            repeated,
            record,
        } = self;
        let mut tell = |told: &Told, moment: &Moment, held| {
            let resolved = Resolved {
                signal: Signal::Traces,
                scope,
                held,
                record: told.write(moment, record, scrub),
            };
            let bare = || told.bare(moment, scrub);
            buffer.append_resolved(&resolved, bare, &mut *compress);
        };
        match waiting {
            Taken::Packed(short) => {
                let make = || Told::of(&short.error.report(), stacks, scrub);
                let tell = |told: &Told| tell(told, &short.moment, short.held);
                repeated.with(&short.error, short.is_again, make, tell);
            }
            Taken::Whole(Waiting::Pending(error)) => {
                let told = Told::of(&error.report, stacks, scrub);
                tell(&told, &error.moment, error.held);
            }
            Taken::Whole(Waiting::Deferred(deferred)) => {
                deferred.complete(record, stacks);
                let resolved = Resolved {
                    signal: deferred.signal,
                    scope: &deferred.scope,
                    held: deferred.held,
                    record: record.as_slice().into(),
                };
                buffer.append_resolved(&resolved, || deferred.bare(), compress);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::ScopeSpans;
    use prost::Message as _;

    use super::super::buffer::Bounds;
    use super::*;
    use crate::capture::Draft;
    use crate::context::Correlation;
    use crate::export::packed::Packed;
    use crate::stacktrace::StackForm;

    /// How many errors there are in what is compressed, and how many of them have their stack.
    fn counted(buffer: &Buffer) -> (usize, usize) {
        let (mut errors, mut stacks) = (0, 0);
        while let Some((_, chunk)) = buffer.take_sealed() {
            for group in &chunk.groups {
                let spans = group
                    .blocks
                    .iter()
                    .flat_map(|block| ScopeSpans::decode(&*block.whole()).unwrap().spans);
                for event in spans.flat_map(|span| span.events) {
                    errors += 1;
                    let mut attributes = event.attributes.iter();
                    let has_one = attributes.any(|pair| pair.key == "exception.stacktrace");
                    stacks += usize::from(has_one);
                }
            }
            buffer.release(chunk.held);
        }
        (errors, stacks)
    }

    #[test]
    fn errors_that_waited_have_their_stacks_though_all_of_them_are_more_than_the_budget() {
        const COUNT: usize = 1_200;
        let buffer = Buffer::new(Bounds {
            budget: 1_000_000,
            request: 200_000,
        });
        for at in 0..COUNT {
            // The same again and again, and always another.
            let message = if at % 2 == 0 { 0 } else { at };
            let draft = Draft::of(&std::io::Error::other(message.to_string()));
            let error = Packed::of(&draft).unwrap();
            buffer.push_packed(&error, Moment::now(Correlation::default()));
        }
        let mut writer = Errors::new(ErrorStyle {
            stacks: StackStyle {
                form: StackForm::Go,
                source_context: false,
            },
            scrub: Scrub::default(),
            scope: InstrumentationScope::default(),
        });
        let (mut errors, mut stacks, mut most) = (0, 0, 0);
        let mut count = |buffer: &Buffer| {
            most = most.max(buffer.held());
            let (more, with_stack) = counted(buffer);
            errors += more;
            stacks += with_stack;
        };
        assert!(writer.complete(&buffer, || count(&buffer)));
        buffer.seal_open();
        count(&buffer);
        assert_eq!((errors, stacks, buffer.held()), (COUNT, COUNT, 0));
        assert!(most < 1_200_000, "{most}");
    }
}
