//! An error's message and those of its causes, one behind the other: one allocation for all.

use std::fmt::Display;

use crate::export::proto;

/// In bytes, of a message and of each cause.
pub(super) const MAX_MESSAGE_BYTES: usize = 16_384;
/// Room for the texts of most errors.
const ROOM: usize = 96;
/// Texts whose ends need no allocation.
const FEW: usize = 4;

/// The first text is the message.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    all: String,
    count: usize,
    ends: [u32; FEW],
    further_ends: Vec<u32>,
}

impl Texts {
    /// An `exception.message` must not be empty: upstream would not see an error.
    pub(super) fn new(message: &(impl Display + ?Sized)) -> Self {
        let mut texts = Texts {
            all: String::with_capacity(ROOM),
            count: 0,
            ends: [0; FEW],
            further_ends: Vec::new(),
        };
        proto::format_bounded(&mut texts.all, MAX_MESSAGE_BYTES, message);
        if texts.all.trim().is_empty() {
            texts.all.clear();
            texts.all.push_str("(no message)");
        }
        texts.end();
        texts
    }

    pub(super) fn push_cause(&mut self, cause: &(impl Display + ?Sized)) {
        proto::format_bounded(&mut self.all, MAX_MESSAGE_BYTES, cause);
        self.end();
    }

    fn end(&mut self) {
        // The texts of an error are far below four gigabytes.
        let end = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        match self.ends.get_mut(self.count) {
            Some(slot) => *slot = end,
            None => self.further_ends.push(end),
        }
        self.count += 1;
    }

    pub(super) fn message(&self) -> &str {
        &self.all[..self.ends[0] as usize]
    }

    /// Nearest first.
    pub(super) fn causes(&self) -> impl Iterator<Item = &str> {
        let ends = self.ends[..self.count.min(FEW)].iter();
        let mut ends = ends.chain(&self.further_ends).map(|end| *end as usize);
        let mut start = ends.next().unwrap_or_default();
        ends.map(move |end| &self.all[std::mem::replace(&mut start, end)..end])
    }

    pub(super) fn has_causes(&self) -> bool {
        self.count > 1
    }

    /// The same causes under another message.
    pub(super) fn with_message(&self, message: &str) -> Self {
        let mut texts = Texts::new(message);
        for cause in self.causes() {
            texts.push_cause(cause);
        }
        texts
    }

    /// Memory behind it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.all.capacity() + self.further_ends.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_were_given() {
        for count in 0..10 {
            let given: Vec<_> = (0..count).map(|at| "ü".repeat(at)).collect();
            let mut texts = Texts::new("message");
            for cause in &given {
                texts.push_cause(cause);
            }
            for texts in [&texts, &texts.with_message("other").with_message("message")] {
                assert_eq!(texts.message(), "message");
                assert_eq!(texts.causes().collect::<Vec<_>>(), given);
                assert_eq!(texts.has_causes(), count > 0);
            }
            assert_eq!(texts.with_message(" ").message(), "(no message)");
        }
    }
}
