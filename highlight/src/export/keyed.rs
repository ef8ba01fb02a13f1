//! A `KeyValue` field whose name comes again and again: what precedes its value is encoded once.

use std::fmt::Display;

use super::proto::{self, Scalar};
use super::text;
use super::value;
use crate::scrub::{REDACTED, Scrub};

/// Of the bytes before a value. Longer names than fit are written the long way.
const MAX_HEAD: usize = 48;
/// The largest length that takes one byte.
const MAX_SHORT: usize = 127;
/// Key and length of a text.
const TEXT_HEAD: usize = 2;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Keyed {
    /// Field key, length, name, and the value's key and length; both lengths are filled in with each value.
    head: [u8; MAX_HEAD],
    /// Zero for a long name.
    head_len: usize,
    field: u32,
    name: &'static str,
    /// The name says that the value is a secret.
    hidden: bool,
}

impl Keyed {
    /// The name under which a user's field is sent, in the given field of its record.
    pub(crate) fn new(field: u32, name: &'static str, scrub: &Scrub) -> Self {
        let name = value::safe_name(name);
        Keyed::hiding(field, name, scrub.hides(name))
    }

    /// A name of the semantic conventions, which names no secret unless the application says so; its value may hold one.
    pub(crate) fn known(field: u32, name: &'static str, scrub: &Scrub) -> Self {
        Keyed::hiding(field, name, scrub.is_listed(name))
    }

    fn hiding(field: u32, name: &'static str, hidden: bool) -> Self {
        let mut bytes = Vec::new();
        proto::len_header(&mut bytes, field, 0);
        proto::bytes_field(&mut bytes, proto::KEY, name.as_bytes());
        proto::len_header(&mut bytes, proto::VALUE, 0);
        let mut head = [0; MAX_HEAD];
        let mut head_len = 0;
        if let Some(room) = head.get_mut(..bytes.len()) {
            room.copy_from_slice(&bytes);
            head_len = bytes.len();
        }
        Keyed {
            head,
            head_len,
            field,
            name,
            hidden,
        }
    }

    /// True when no value of it is sent.
    #[inline]
    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Writes the field.
    #[inline]
    pub(crate) fn scalar(&self, buf: &mut Vec<u8>, value: Scalar<'_>, scrub: &Scrub) {
        match value {
            _ if self.hidden => self.text(buf, REDACTED),
            Scalar::Str(text) => self.text(buf, &scrub.clean(text)),
            number if self.head_len == 0 => {
                proto::key_value(buf, self.field, self.name, number);
            }
            Scalar::Int(value) => {
                let (payload, len) = proto::any_int(value);
                self.short(buf, &payload, len);
            }
            Scalar::Double(value) => {
                let payload = proto::any_double(value);
                self.short(buf, &payload, payload.len());
            }
        }
    }

    /// Writes the field with text from a note.
    #[inline]
    pub(crate) fn noted_text(&self, buf: &mut Vec<u8>, text: &[u8], scrub: &Scrub) {
        if !self.hidden && self.has_room_for(text) && scrub.has_nothing_in(text) {
            self.short_text(buf, text);
        } else if let Ok(text) = str::from_utf8(text) {
            self.scalar(buf, Scalar::Str(text), scrub);
        }
    }

    /// Writes the field with a truth value; see [`Scalar::bool`].
    #[inline]
    pub(crate) fn bool(&self, buf: &mut Vec<u8>, value: bool) {
        let text = if value { "true" } else { "false" };
        self.text(buf, if self.hidden { REDACTED } else { text });
    }

    /// Writes the field with a value that has to be formatted.
    pub(crate) fn display(
        &self,
        buf: &mut Vec<u8>,
        value: &(impl Display + ?Sized),
        scrub: &Scrub,
    ) {
        if self.hidden {
            return self.text(buf, REDACTED);
        }
        if self.head_len == 0 {
            return value::display_field(buf, self.field, self.name, value, scrub);
        }
        let at = buf.len();
        proto::put_first(buf, &self.head, self.head_len);
        proto::len_header(buf, proto::ANY_STRING, 0);
        let start = buf.len();
        text::format_bounded(buf, proto::MAX_ATTRIBUTE_BYTES, value);
        scrub.clean_tail(buf, start);
        let text = buf.len() - start;
        if self.fill_in(buf, at, text + 2) {
            buf[start - 1] = short(text);
        } else {
            buf.drain(at..start);
            proto::wrap_key_value(buf, self.field, self.name, at);
        }
    }

    #[inline]
    fn text(&self, buf: &mut Vec<u8>, text: &str) {
        if self.has_room_for(text.as_bytes()) {
            self.short_text(buf, text.as_bytes());
        } else {
            proto::key_value(buf, self.field, self.name, Scalar::Str(text));
        }
    }

    /// True when all lengths take one byte.
    #[inline]
    fn has_room_for(&self, text: &[u8]) -> bool {
        self.head_len != 0 && self.head_len + TEXT_HEAD + text.len() <= MAX_SHORT
    }

    #[inline]
    fn short_text(&self, buf: &mut Vec<u8>, text: &[u8]) {
        let at = buf.len();
        proto::put_first(buf, &self.head, self.head_len);
        buf.extend_from_slice(&[proto::ANY_TEXT, short(text.len())]);
        buf.extend_from_slice(text);
        self.fill_in(buf, at, TEXT_HEAD + text.len());
    }

    /// Writes the field with the first `len` bytes of an `AnyValue`.
    #[inline]
    fn short<const N: usize>(&self, buf: &mut Vec<u8>, payload: &[u8; N], len: usize) {
        let at = buf.len();
        proto::put_first(buf, &self.head, self.head_len);
        proto::put_first(buf, payload, len);
        self.fill_in(buf, at, len);
    }

    /// Fills both lengths into the head at `at`, for a value of `size` bytes. False when they take more than a byte.
    #[inline]
    fn fill_in(&self, buf: &mut [u8], at: usize, size: usize) -> bool {
        // The first two bytes are not part of what they announce.
        let whole = self.head_len - 2 + size;
        let fits = whole <= MAX_SHORT;
        if fits {
            buf[at + 1] = short(whole);
            buf[at + self.head_len - 1] = short(size);
        }
        fits
    }
}

/// A length that takes one byte.
#[inline]
fn short(len: usize) -> u8 {
    debug_assert!(len <= MAX_SHORT);
    len.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field written the long way.
    fn plain(name: &str, value: Scalar<'_>, scrub: &Scrub) -> Vec<u8> {
        let mut buf = Vec::new();
        value::field(&mut buf, 6, name, value, scrub);
        buf
    }

    #[test]
    fn a_known_attribute_is_hidden_when_the_application_says_so() {
        let scrub = Scrub::new(true, &["Client.Address".to_owned()]);
        let written = |name, value| {
            let mut buf = Vec::new();
            Keyed::known(9, name, &scrub).scalar(&mut buf, Scalar::Str(value), &scrub);
            String::from_utf8_lossy(&buf).into_owned()
        };
        assert!(written("client.address", "10.0.0.7").ends_with(REDACTED));
        assert!(written("url.path", "/pay").ends_with("/pay"));
        assert!(!written("url.query", "token=abc").contains("abc"));
    }

    #[test]
    fn it_writes_what_is_written_without_it() {
        let scrub = Scrub::default();
        let long: &'static str = Box::leak("n".repeat(300).into_boxed_str());
        let longest: &'static str = Box::leak("n".repeat(MAX_HEAD - 6).into_boxed_str());
        let texts: Vec<_> = (0..300).step_by(7).map(|len| "t".repeat(len)).collect();
        for name in ["", "cart", "message", "password", longest, long] {
            let keyed = Keyed::new(6, name, &scrub);
            let mut values = vec![Scalar::Double(-0.5), Scalar::Str("card=4111111111111111")];
            values.extend([0, 1, -1, i64::MAX, i64::MIN, 127, 128].map(Scalar::Int));
            values.extend(texts.iter().map(|text| Scalar::Str(text)));
            for value in values {
                let expected = plain(name, value, &scrub);
                let mut written = Vec::new();
                keyed.scalar(&mut written, value, &scrub);
                assert_eq!(written, expected, "{name} {value:?}");
                if let Scalar::Str(text) = value {
                    written.clear();
                    keyed.display(&mut written, text, &scrub);
                    assert_eq!(written, expected, "{name} {text}, displayed");
                }
            }
        }
    }
}
