//! The tags of a measurement: as they are given, as a thread remembers them, and in the order in which they are one series.

use opentelemetry::{Key, KeyValue, StringValue};
use smallvec::SmallVec;

use crate::export::proto::Scalar;

/// A tag as it is given.
pub(crate) type Tag<'a> = (&'a str, Scalar<'a>);

/// Tags of texts as they were given, so that the same ones are known again.
#[derive(Debug)]
pub(super) struct Given(Box<[(Text, Text)]>);

impl Given {
    pub(super) fn new(tags: &[(&str, &str)]) -> Self {
        let texts = |(key, value): &(&str, &str)| (Text::new(key), Text::new(value));
        Given(tags.iter().map(texts).collect())
    }

    /// Whether `tags` are the same in the same order, as far as that can be told without a call: false where one is long.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "most of it is known where it is called"
    )]
    pub(super) fn are_surely(&self, tags: &[(&str, &str)]) -> bool {
        if self.0.len() != tags.len() {
            return false;
        }
        for ((given_key, given), (key, value)) in tags.iter().zip(&self.0) {
            if !value.is_surely(given) || !key.is_surely(given_key) {
                return false;
            }
        }
        true
    }

    /// Whether `tags` are the same in the same order.
    pub(super) fn are(&self, tags: &[(&str, &str)]) -> bool {
        let mut pairs = self.0.iter().zip(tags);
        self.0.len() == tags.len()
            && pairs.all(|((key, value), (given_key, given))| value.is(given) && key.is(given_key))
    }
}

/// A text with its ends at hand, which most texts consist of: they are compared without a call of `memcmp`.
#[derive(Debug)]
struct Text {
    ends: (u64, u64),
    /// The length of a text that consists of its ends; [`LONG`] for any other.
    short: usize,
    whole: Box<str>,
}

impl Text {
    fn new(text: &str) -> Self {
        Text {
            ends: ends(text.as_bytes()),
            short: Some(text.len()).filter(|len| *len <= ENDS).unwrap_or(LONG),
            whole: text.into(),
        }
    }

    fn is(&self, given: &str) -> bool {
        self.is_surely(given) || self.short == LONG && *given == *self.whole
    }

    /// Whether it is short and the same.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "most of it is known where it is called"
    )]
    fn is_surely(&self, given: &str) -> bool {
        let given = given.as_bytes();
        given.len() == self.short
            && match double_word(given) {
                Some((first, last)) => first == self.ends.0 && last == self.ends.1,
                None => word(given) == self.ends.0,
            }
    }
}

/// The bytes of both ends.
const ENDS: usize = 16;

/// As a length: none that there is.
const LONG: usize = usize::MAX;

/// The ends of a text: they tell it from all others of its length, where that is at most 16 bytes.
#[inline]
fn ends(text: &[u8]) -> (u64, u64) {
    double_word(text).unwrap_or_else(|| (word(text), 0))
}

/// Of eight bytes and more.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "most of it is known where it is called"
)]
fn double_word(text: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = (text.first_chunk()?, text.last_chunk()?);
    Some((u64::from_le_bytes(*first), u64::from_le_bytes(*last)))
}

/// Of less.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "most of it is known where it is called"
)]
fn word(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return first | last << 32;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|two| u64::from(u16::from_le_bytes(*two)));
        return first | last << 16;
    }
    text.first().copied().map_or(0, u64::from)
}

/// A number that tells most values apart, made of their ends. It says where to look first, nothing more: whoever makes up values that
/// have it in common gets each of them looked up as if it were new.
#[inline]
pub(crate) fn glance(value: &str) -> u64 {
    let ends = match double_word(value.as_bytes()) {
        Some((first, last)) => first ^ last.rotate_left(32),
        None => word(value.as_bytes()),
    };
    ends.wrapping_add(value.len() as u64)
}

/// Spreads one more number over the upper bits of a hash, which are the good ones.
#[inline]
pub(crate) fn spread(hash: u64, number: u64) -> u64 {
    /// As in Fibonacci hashing: 2^64 divided by the golden ratio.
    const RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash.rotate_left(5) ^ number).wrapping_mul(RATIO)
}

/// By key, each once, the last one given winning: the form in which tags are one series.
pub(crate) fn sorted<'a>(tags: impl Iterator<Item = Tag<'a>>) -> SmallVec<[Tag<'a>; 8]> {
    let mut tags: SmallVec<[Tag<'a>; 8]> = tags.collect();
    if !tags.is_sorted_by(|(one, _), (next, _)| one < next) {
        tags.reverse();
        tags.sort_by_key(|(key, _)| *key);
        tags.dedup_by_key(|(key, _)| *key);
    }
    tags
}

/// The form in which OpenTelemetry has a tag.
pub(crate) fn owned((key, value): &Tag<'_>) -> KeyValue {
    let value: opentelemetry::Value = match value {
        Scalar::Str(text) => StringValue::from((*text).to_owned()).into(),
        Scalar::Int(number) => (*number).into(),
        Scalar::Double(number) => (*number).into(),
    };
    KeyValue::new(Key::from((*key).to_owned()), value)
}

/// What [`owned`] was made of.
pub(super) fn borrowed(tag: &KeyValue) -> Tag<'_> {
    let value = match &tag.value {
        opentelemetry::Value::String(text) => Scalar::Str(text.as_str()),
        opentelemetry::Value::I64(number) => Scalar::Int(*number),
        opentelemetry::Value::F64(number) => Scalar::Double(*number),
        // No tag is one.
        _ => Scalar::Str(""),
    };
    (tag.key.as_str(), value)
}

/// Whether two tags are the same, to the bit.
pub(super) fn is_same((key, value): Tag<'_>, (other_key, other): Tag<'_>) -> bool {
    let is_same = match (value, other) {
        (Scalar::Str(text), Scalar::Str(other)) => text == other,
        (Scalar::Int(number), Scalar::Int(other)) => number == other,
        (Scalar::Double(number), Scalar::Double(other)) => number.to_bits() == other.to_bits(),
        _ => false,
    };
    is_same && key == other_key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_told_apart_by_every_byte() {
        fn tag(is_key: bool, text: &str) -> [(&str, &str); 1] {
            [if is_key { (text, "b") } else { ("b", text) }]
        }
        for length in 0..40 {
            let given = "a".repeat(length);
            for is_key in [true, false] {
                let known = Given::new(&tag(is_key, &given));
                let is = |text: &str| {
                    let is = known.are(&tag(is_key, text));
                    let is_surely = known.are_surely(&tag(is_key, text));
                    assert_eq!(is_surely, is && length <= ENDS, "{text}");
                    is
                };
                assert!(is(&given));
                assert!(!is(&"a".repeat(length + 1)));
                for at in 0..length {
                    let mut other = given.clone();
                    other.replace_range(at..=at, "b");
                    assert!(!is(&other), "{other}");
                }
            }
        }
    }

    #[test]
    fn more_tags_are_others() {
        let tags = [("a", "1"), ("b", "2")];
        for number in 0..=2 {
            let known = Given::new(&tags[..number]);
            for other in 0..=2 {
                let is_same = known.are_surely(&tags[..other]);
                assert_eq!(is_same, other == number);
                assert_eq!(known.are(&tags[..other]), other == number);
            }
        }
    }

    #[test]
    fn values_that_differ_at_an_end_are_told_apart_at_a_glance() {
        for values in [
            ["NL", "DE"],
            ["berlin", "munich"],
            ["/cart/{id}", "/order/{id}"],
            ["", "a"],
        ] {
            assert_ne!(glance(values[0]), glance(values[1]), "{values:?}");
        }
    }

    #[test]
    fn tags_are_sorted_and_the_last_of_a_name_wins() {
        let sorted = |tags: &[(&'static str, i64)]| -> Vec<_> {
            let tags = tags.iter().map(|(key, value)| (*key, Scalar::Int(*value)));
            sorted(tags).iter().map(owned).collect()
        };
        assert_eq!(sorted(&[("b", 1), ("a", 2)]), sorted(&[("a", 2), ("b", 1)]));
        assert_eq!(sorted(&[("a", 1), ("a", 2)]), [KeyValue::new("a", 2)]);
    }

    #[test]
    fn what_is_owned_is_what_was_borrowed() {
        for value in [
            Scalar::Str("x"),
            Scalar::Int(-1),
            Scalar::Double(-0.0),
            Scalar::Str(""),
        ] {
            let owned = owned(&("key", value));
            assert!(is_same(borrowed(&owned), ("key", value)), "{owned:?}");
            assert!(!is_same(borrowed(&owned), ("key", Scalar::Int(0))));
            assert!(!is_same(borrowed(&owned), ("yek", value)));
        }
    }
}
