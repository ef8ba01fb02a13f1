//! Text made fit for one line of a bounded length.

use std::borrow::Cow;

/// Marks text that goes on; not a dot, since the backend splits symbols at dots.
const CUT: char = '…';

/// Joins the text into one line of at most `max` bytes, each run of white space one space.
///
/// Runs go because the backend takes four spaces and `at` for a JavaScript frame, and a tab for a file.
pub(crate) fn one_line(text: &str, max: usize) -> Cow<'_, str> {
    // Most are.
    let is_one = |text: &str| {
        let graphic = text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        graphic && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
    };
    if text.len() <= max && is_one(text) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len().min(max));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max {
            break;
        }
    }
    cut(line, max).into()
}

/// A path or the like without what would break a line in two or a field off, at the same length.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Shortens the text to at most `max` bytes, ending in `…` where something is missing.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut room = max.saturating_sub(CUT.len_utf8());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        text.truncate(room);
        text.push(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{cut, one_line};

    #[test]
    fn white_space_becomes_one_space() {
        for (text, line) in [
            ("plain", "plain"),
            ("two words", "two words"),
            ("two  words", "two words"),
            (" one", "one"),
            ("one ", "one"),
            ("größer\u{a0}als", "größer als"),
            ("  two\n\tlines \r\n", "two lines"),
            ("x    at y:1:2", "x at y:1:2"),
            ("nul\0byte", "nul byte"),
            ("", ""),
        ] {
            assert_eq!(one_line(text, 100), line);
        }
    }

    #[test]
    fn a_cut_keeps_whole_characters_and_the_bound() {
        assert_eq!(cut("abcdef".into(), 6), "abcdef");
        assert_eq!(cut("abcdefg".into(), 6), "abc…");
        assert_eq!(cut("ééé".into(), 5), "é…");
        assert_eq!(one_line(&"word ".repeat(1_000), 20).len(), 20);
    }
}
