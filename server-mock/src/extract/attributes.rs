//! Attributes merged in the backend's order, then flattened to strings.

use std::borrow::Cow;
use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use super::room::{self, Bounds, TooLarge};
use crate::rows::Attributes;
use crate::wire::{Pair, Value};

/// Attributes by key, sorted, each key once.
pub(crate) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The longest value stored whole, in bytes.
pub(super) const LONGEST: usize = 65_536;

/// The attributes of a resource, a scope or a record: sorted by key, each key once, the last one that was sent.
#[derive(Debug, Default)]
pub(super) struct Layer<'a> {
    pairs: Vec<Pair<'a>>,
    nested: usize,
}

impl<'a> Layer<'a> {
    pub(super) fn new(mut pairs: Vec<Pair<'a>>) -> Self {
        sort(&mut pairs, |pair| pair.key);
        let nested = total(&pairs, room::nested);
        Self { pairs, nested }
    }

    /// The attributes by themselves, flattened.
    pub(super) fn flat(&self) -> Pairs<'a> {
        let mut pairs = Pairs::new();
        merge(&[self], |key, value| pairs.push((key, value)));
        in_order(&mut pairs);
        pairs
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// How many bytes its lists and maps are flattened to.
    pub(super) fn nested(&self) -> usize {
        self.nested
    }

    /// How many bytes all of it is flattened to.
    pub(super) fn size(&self) -> usize {
        total(&self.pairs, room::size)
    }

    /// Of a message that was decoded by prost.
    pub(super) fn of(attributes: &'a [KeyValue]) -> Self {
        Self::new(attributes.iter().map(pair).collect())
    }
}

fn total(pairs: &[Pair<'_>], size: impl Fn(&Pair<'_>) -> usize) -> usize {
    pairs.iter().map(size).fold(0, usize::saturating_add)
}

/// Sorts what flattening has put out of order; of one key, the last one counts.
pub(super) fn in_order(pairs: &mut Pairs<'_>) {
    if pairs.iter().any(|(key, _)| matches!(key, Cow::Owned(_))) {
        sort(pairs, |(key, _)| key);
    }
}

fn sort<T>(items: &mut Vec<T>, key: impl Fn(&T) -> &str) {
    items.sort_by(|one, other| key(one).cmp(key(other)));
    items.dedup_by(|later, kept| {
        let same = key(later) == key(kept);
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
}

/// An attribute that was decoded by prost.
pub(crate) fn pair(sent: &KeyValue) -> Pair<'_> {
    Pair {
        key: &sent.key,
        value: sent.value.as_ref().map_or(Value::Nothing, value),
    }
}

/// A value that was decoded by prost.
pub(crate) fn value(sent: &AnyValue) -> Value<'_> {
    match &sent.value {
        Some(any_value::Value::StringValue(text)) => Value::Text(text),
        Some(any_value::Value::IntValue(number)) => Value::Int(*number),
        Some(any_value::Value::DoubleValue(number)) => Value::Double(*number),
        Some(any_value::Value::ArrayValue(list)) => {
            Value::List(list.values.iter().map(value).collect())
        }
        Some(any_value::Value::KvlistValue(map)) => {
            Value::Map(map.values.iter().map(pair).collect())
        }
        _ => Value::Nothing,
    }
}

/// Merges layers of attributes, the later one winning, and calls `put` with what is left, flattened, in the order of the keys:
/// lists to `key.0`, maps to `key.child`; booleans, bytes and what is empty are dropped.
pub(super) fn merge<'a>(layers: &[&Layer<'a>], mut put: impl FnMut(Cow<'a, str>, Cow<'a, str>)) {
    let mut rests: Vec<&[Pair<'a>]> = layers
        .iter()
        .map(|layer| &layer.pairs[..])
        .filter(|pairs| !pairs.is_empty())
        .collect();
    while let Some(next) = first(&rests) {
        for rest in &mut rests {
            if let [same, after @ ..] = rest
                && same.key == next.key
            {
                *rest = after;
            }
        }
        flatten_value(Cow::Borrowed(next.key), &next.value, &mut put);
    }
}

/// The pair with the smallest key, of the last layer that has it.
fn first<'r, 'a>(rests: &[&'r [Pair<'a>]]) -> Option<&'r Pair<'a>> {
    let heads = rests.iter().filter_map(|rest| rest.first());
    heads.reduce(|best, head| if head.key <= best.key { head } else { best })
}

/// Attributes of their own, flattened, if there is room for them.
pub(crate) fn flatten(
    attributes: &[KeyValue],
    bounds: &mut Bounds,
) -> Result<Attributes, TooLarge> {
    let layer = Layer::of(attributes);
    bounds.nested(&layer)?;
    let mut flat = Attributes::new();
    merge(&[&layer], |key, value| {
        flat.insert(key.into_owned(), value.into_owned());
    });
    Ok(flat)
}

fn flatten_value<'a>(
    key: Cow<'a, str>,
    value: &Value<'a>,
    put: &mut impl FnMut(Cow<'a, str>, Cow<'a, str>),
) {
    match value {
        Value::Text("") | Value::Nothing => {}
        Value::Text(text) => put(key, cut(text)),
        Value::Int(number) => put(key, number.to_string().into()),
        Value::Double(number) => put(key, double(*number).into()),
        Value::List(_) | Value::Map(_) => flatten_below(&mut key.into_owned(), value, put),
    }
}

/// Flattens a value below a key, and leaves that as it was: it may be long, and only what is stored is worth a copy.
#[inline(never)]
fn flatten_below<'a>(
    key: &mut String,
    value: &Value<'a>,
    put: &mut impl FnMut(Cow<'a, str>, Cow<'a, str>),
) {
    let end = key.len();
    match value {
        Value::Text("") | Value::Nothing => {}
        Value::List(list) => {
            for (index, item) in list.iter().enumerate() {
                // A write into memory does not fail.
                let _ = write!(key, ".{index}");
                flatten_below(key, item, put);
                key.truncate(end);
            }
        }
        Value::Map(map) => {
            for pair in map {
                key.push('.');
                key.push_str(pair.key);
                flatten_below(key, &pair.value, put);
                key.truncate(end);
            }
        }
        _ => flatten_value(key.clone().into(), value, put),
    }
}

/// As Go's `strconv` writes it, never with an exponent.
pub(super) fn double(number: f64) -> String {
    if number.is_infinite() {
        if number > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        }
    } else {
        number.to_string()
    }
}

/// Cuts a long value at a character boundary, and marks the cut.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let end = (0..=LONGEST)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}...", &text[..end]).into()
}

#[cfg(test)]
pub(super) mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    pub(crate) fn text(key: &str, value: &str) -> KeyValue {
        pair(key, Value::StringValue(value.to_owned()))
    }

    fn pair(key: &str, value: Value) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    }

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    #[test]
    fn each_kind_of_value_has_its_text() {
        let list = |values| Value::ArrayValue(ArrayValue { values });
        let map = |values| Value::KvlistValue(KeyValueList { values });
        for (value, expected) in [
            (Value::StringValue("x".to_owned()), &[("k", "x")][..]),
            (Value::StringValue(String::new()), &[]),
            (Value::BoolValue(true), &[]),
            (Value::BytesValue(vec![1]), &[]),
            (Value::IntValue(-7), &[("k", "-7")]),
            (Value::DoubleValue(12.5), &[("k", "12.5")]),
            (Value::DoubleValue(1e21), &[("k", "1000000000000000000000")]),
            (Value::DoubleValue(f64::INFINITY), &[("k", "+Inf")]),
            (list(vec![]), &[]),
            (
                list(vec![any(Value::IntValue(1)), any(Value::IntValue(2))]),
                &[("k.0", "1"), ("k.1", "2")],
            ),
            (
                map(vec![text("a", "1"), pair("b", map(vec![text("c", "2")]))]),
                &[("k.a", "1"), ("k.b.c", "2")],
            ),
        ] {
            let flat = flatten(&[pair("k", value.clone())], &mut Bounds::of(0)).unwrap();
            let found: Vec<_> = flat
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn the_later_one_wins_whether_in_a_layer_or_over_it() {
        let layers = [
            vec![text("c", "1"), text("b", "1"), text("a", "1")],
            vec![],
            vec![text("b", "2"), text("d", "1"), text("d", "2")],
            vec![pair("a", Value::BoolValue(true))],
        ];
        let layers = layers.each_ref().map(|layer| Layer::of(layer));
        let mut found = Vec::new();
        merge(&layers.each_ref(), |key, value| {
            found.push(format!("{key}={value}"));
        });
        assert_eq!(found, ["b=2", "c=1", "d=2"]);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let value = format!("{}é!", "a".repeat(LONGEST - 1));
        let flat = flatten(&[text("k", &value)], &mut Bounds::of(0)).unwrap();
        assert_eq!(flat["k"], format!("{}...", "a".repeat(LONGEST - 1)));
    }
}
