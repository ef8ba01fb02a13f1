//! The tags of a measurement: as they are given, as they are kept, and as OpenTelemetry wants them.

use opentelemetry::{Key, KeyValue, StringValue};

use crate::export::proto::Scalar;

/// A tag as it is given.
pub(crate) type Tag<'a> = (&'a str, Scalar<'a>);

/// Tags that are kept, in the order in which they were given.
#[derive(Debug)]
pub(super) struct Tags(Box<[(Box<str>, Kept)]>);

#[derive(Debug)]
enum Kept {
    Str(Box<str>),
    Int(i64),
    Double(f64),
}

impl Tags {
    pub(super) fn new<'a>(tags: impl Iterator<Item = Tag<'a>>) -> Self {
        let kept = |(key, value): Tag<'a>| {
            let value = match value {
                Scalar::Str(text) => Kept::Str(text.into()),
                Scalar::Int(number) => Kept::Int(number),
                Scalar::Double(number) => Kept::Double(number),
            };
            (key.into(), value)
        };
        Tags(tags.map(kept).collect())
    }

    /// Whether `tags` are the same, in the same order.
    #[inline]
    pub(super) fn are<'a>(&self, mut tags: impl Iterator<Item = Tag<'a>>) -> bool {
        for (key, value) in &self.0 {
            let Some((given_key, given)) = tags.next() else {
                return false;
            };
            let is_same = match (value, given) {
                (Kept::Str(text), Scalar::Str(given)) => same(text, given),
                (Kept::Int(number), Scalar::Int(given)) => *number == given,
                (Kept::Double(number), Scalar::Double(given)) => {
                    number.to_bits() == given.to_bits()
                }
                _ => false,
            };
            if !is_same || !same(key, given_key) {
                return false;
            }
        }
        tags.next().is_none()
    }

    /// By key, each once, the last one given winning: the form in which OpenTelemetry keeps them.
    pub(super) fn sorted(&self) -> Vec<KeyValue> {
        let pair = |(key, value): &(Box<str>, Kept)| {
            let value: opentelemetry::Value = match value {
                Kept::Str(text) => StringValue::from(text.clone().into_string()).into(),
                Kept::Int(number) => (*number).into(),
                Kept::Double(number) => (*number).into(),
            };
            KeyValue::new(Key::from(key.clone().into_string()), value)
        };
        let mut tags: Vec<_> = self.0.iter().rev().map(pair).collect();
        tags.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        tags.dedup_by(|later, first| later.key == first.key);
        tags
    }
}

/// Equality of texts that are mostly short: comparing a word or two in place takes half of what a call of `memcmp` does.
#[inline]
fn same(known: &str, given: &str) -> bool {
    let (known, given) = (known.as_bytes(), given.as_bytes());
    known.len() == given.len()
        && match known.len() {
            0 => true,
            1..4 => {
                let ends = |text: &[u8]| (text[0], text[text.len() / 2], text[text.len() - 1]);
                ends(known) == ends(given)
            }
            4..8 => {
                known.first_chunk::<4>() == given.first_chunk()
                    && known.last_chunk::<4>() == given.last_chunk()
            }
            8..=16 => {
                known.first_chunk::<8>() == given.first_chunk()
                    && known.last_chunk::<8>() == given.last_chunk()
            }
            _ => known == given,
        }
}

/// A number that tells most values apart, made of their ends. It says where to look first, nothing more: whoever makes up values that
/// have it in common gets each of them looked up as if it were new.
#[inline]
pub(super) fn glance(value: Scalar<'_>) -> u64 {
    let text = match value {
        Scalar::Str(text) => text.as_bytes(),
        Scalar::Int(number) => return number.cast_unsigned(),
        Scalar::Double(number) => return number.to_bits(),
    };
    let length = text.len() as u64;
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return first << 32 ^ last ^ length << 24;
    }
    match *text {
        [] => 0,
        [first, ..] => {
            let ends = [first, text[text.len() / 2], text[text.len() - 1]];
            let [first, middle, last] = ends.map(u64::from);
            length << 24 | first << 16 | middle << 8 | last
        }
    }
}

/// Spreads one more number over the upper bits of a hash, which are the good ones.
#[inline]
pub(super) fn spread(hash: u64, number: u64) -> u64 {
    /// As in Fibonacci hashing: 2^64 divided by the golden ratio.
    const RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash.rotate_left(5) ^ number).wrapping_mul(RATIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_told_apart_by_every_byte() {
        for length in 0..40 {
            let known = "a".repeat(length);
            assert!(same(&known, &known.clone()));
            assert!(!same(&known, &"a".repeat(length + 1)));
            for at in 0..length {
                let mut other = known.clone();
                other.replace_range(at..=at, "b");
                assert!(!same(&known, &other), "{other}");
            }
        }
    }

    #[test]
    fn values_that_differ_at_an_end_are_told_apart_at_a_glance() {
        let of = |text| glance(Scalar::Str(text));
        for values in [
            ["NL", "DE"],
            ["berlin", "munich"],
            ["/cart/{id}", "/order/{id}"],
            ["", "a"],
        ] {
            assert_ne!(of(values[0]), of(values[1]), "{values:?}");
        }
        assert_ne!(glance(Scalar::Int(200)), glance(Scalar::Int(404)));
    }

    #[test]
    fn what_is_kept_is_sorted_and_the_last_of_a_name_wins() {
        let tags = |tags: &[(&'static str, i64)]| {
            let tags: Vec<_> = tags
                .iter()
                .map(|(key, value)| (*key, Scalar::Int(*value)))
                .collect();
            Tags::new(tags.into_iter()).sorted()
        };
        assert_eq!(tags(&[("b", 1), ("a", 2)]), tags(&[("a", 2), ("b", 1)]));
        assert_eq!(tags(&[("a", 1), ("a", 2)]), [KeyValue::new("a", 2)]);
    }
}
