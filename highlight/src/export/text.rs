//! Text of bounded length, written whatever the `Display` of a value does.

use std::fmt::{self, Display, Write as _};

/// What a text ends in that was cut.
pub(crate) const CUT_MARK: &str = "...";

/// Appends `value`'s text, at most `max` bytes of it, cut on a character boundary and marked when it was longer.
///
/// A `Display` that fails or panics does not reach the caller: the text then says so.
#[inline]
pub(crate) fn format_bounded(
    buf: &mut impl TextBuffer,
    max: usize,
    value: &(impl Display + ?Sized),
) {
    let start = buf.len();
    let mut writer = Bounded {
        buf,
        room: max,
        cut: false,
    };
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| write!(writer, "{value}")));
    let cut = writer.cut;
    match outcome {
        Ok(Ok(())) => {}
        _ if cut => buf.push_text(CUT_MARK),
        Ok(Err(_)) => buf.push_text("<formatting failed>"),
        Err(_) => {
            buf.truncate(start);
            buf.push_text("<formatting panicked>");
        }
    }
}

/// What text is written into: a record's bytes, or text.
pub(crate) trait TextBuffer {
    fn len(&self) -> usize;
    fn push_text(&mut self, text: &str);
    fn truncate(&mut self, len: usize);
}

impl TextBuffer for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

impl TextBuffer for String {
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

struct Bounded<'a, B> {
    buf: &'a mut B,
    room: usize,
    cut: bool,
}

impl<B: TextBuffer> fmt::Write for Bounded<'_, B> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.room {
            self.room -= text.len();
            self.buf.push_text(text);
            return Ok(());
        }
        let end = text.floor_char_boundary(self.room);
        self.buf.push_text(&text[..end]);
        self.room = 0;
        self.cut = true;
        Err(fmt::Error)
    }
}
