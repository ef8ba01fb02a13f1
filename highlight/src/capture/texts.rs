//! An error's message and those of its causes, one behind the other: one allocation for all.

use std::error::Error;
use std::fmt::Display;

use smallvec::SmallVec;

use crate::export::text::{self, TextBuffer};

/// In bytes, of a message and of each cause.
pub(super) const MAX_MESSAGE_BYTES: usize = 16_384;
/// Causes beyond this are not followed: a source chain may be a circle.
pub(super) const MAX_CAUSES: usize = 32;
/// Room for the texts of most errors.
const ROOM: usize = 256;
/// Texts whose ends need no allocation.
pub(crate) const FEW: usize = 4;

/// The first text is the message.
#[derive(Debug, Clone)]
pub(crate) struct Texts<T = String> {
    all: T,
    count: usize,
    ends: [u32; FEW],
    further_ends: Vec<u32>,
}

/// Text that needs no allocation unless it is long.
#[derive(Debug, Default)]
pub(crate) struct ShortText(SmallVec<[u8; ROOM]>);

impl ShortText {
    fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl TextBuffer for ShortText {
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn push_text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

impl Texts<ShortText> {
    /// The texts one behind the other, where each ends, and how many they are. None when they are too long or too many to be short.
    pub(crate) fn short(&self) -> Option<(&[u8], [u32; FEW], usize)> {
        let is_short = !self.all.0.spilled() && self.count <= FEW;
        is_short.then_some((&self.all.0[..], self.ends, self.count))
    }

    pub(super) fn to_texts(&self) -> Texts {
        Texts {
            all: self.all.to_text(),
            count: self.count,
            ends: self.ends,
            further_ends: self.further_ends.clone(),
        }
    }
}

/// Where texts are kept.
pub(crate) trait Room: TextBuffer + Default {
    fn as_bytes(&self) -> &[u8];
}

impl Room for String {
    fn as_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Room for ShortText {
    fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[inline]
fn is_blank(text: &[u8]) -> bool {
    let begins = text.first().is_some_and(u8::is_ascii_graphic);
    !begins && has_only_spaces(text)
}

#[cold]
fn has_only_spaces(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.trim().is_empty())
}

impl<T: Room> Texts<T> {
    #[inline]
    pub(super) fn blank() -> Self {
        Texts {
            all: T::default(),
            count: 0,
            ends: [0; FEW],
            further_ends: Vec::new(),
        }
    }

    pub(super) fn new(message: &(impl Display + ?Sized)) -> Self {
        Self::of(message, None)
    }

    /// Of an error and what it was caused by.
    pub(super) fn of(
        message: &(impl Display + ?Sized),
        source: Option<&(dyn Error + 'static)>,
    ) -> Self {
        let mut texts = Self::blank();
        texts.fill(message, source);
        texts
    }

    /// The same, of what was blank. An `exception.message` must not be empty: upstream would not see an error.
    #[inline]
    pub(super) fn fill(
        &mut self,
        message: &(impl Display + ?Sized),
        mut source: Option<&(dyn Error + 'static)>,
    ) {
        text::format_bounded(&mut self.all, MAX_MESSAGE_BYTES, message);
        if is_blank(self.all.as_bytes()) {
            self.all.truncate(0);
            self.all.push_text("(no message)");
        }
        self.end();
        for _ in 0..MAX_CAUSES {
            let Some(cause) = source else { break };
            self.push_cause(cause);
            source = cause.source();
        }
    }

    #[inline]
    pub(super) fn push_cause(&mut self, cause: &(impl Display + ?Sized)) {
        text::format_bounded(&mut self.all, MAX_MESSAGE_BYTES, cause);
        self.end();
    }

    #[inline]
    fn end(&mut self) {
        // The texts of an error are far below four gigabytes.
        let end = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        match self.ends.get_mut(self.count) {
            Some(slot) => *slot = end,
            None => self.further_ends.push(end),
        }
        self.count += 1;
    }
}

impl Texts {
    /// What [`short`](Texts::short) gave.
    pub(crate) fn from_short(all: &[u8], ends: [u32; FEW], count: usize) -> Self {
        Texts {
            all: String::from_utf8_lossy(all).into_owned(),
            count,
            ends,
            further_ends: Vec::new(),
        }
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
            let mut texts: Texts = Texts::new("message");
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
