//! Attributes merged in the backend's order, then flattened to strings.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::rows::Attributes;

/// The longest value stored whole, in bytes.
const LONGEST: usize = 65_536;

/// Merges layers of attributes, the later one winning, and flattens what is left.
pub(super) fn merge(layers: &[&[KeyValue]]) -> Attributes {
    let merged: BTreeMap<_, _> = layers
        .iter()
        .copied()
        .flatten()
        .map(|pair| (pair.key.as_str(), &pair.value))
        .collect();
    let mut flat = Attributes::new();
    for (key, value) in merged {
        put(&mut flat, key.to_owned(), value.as_ref());
    }
    flat
}

/// Flattens attributes: lists to `key.0`, maps to `key.child`; booleans, bytes and what is empty are dropped.
pub(crate) fn flatten(attributes: &[KeyValue]) -> Attributes {
    merge(&[attributes])
}

fn put(flat: &mut Attributes, key: String, value: Option<&AnyValue>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) if !text.is_empty() => {
            flat.insert(key, cut(text));
        }
        Some(Value::IntValue(number)) => {
            flat.insert(key, number.to_string());
        }
        Some(Value::DoubleValue(number)) => {
            flat.insert(key, double(*number));
        }
        Some(Value::ArrayValue(list)) => {
            for (index, item) in list.values.iter().enumerate() {
                put(flat, format!("{key}.{index}"), Some(item));
            }
        }
        Some(Value::KvlistValue(map)) => {
            for pair in &map.values {
                put(flat, format!("{key}.{}", pair.key), pair.value.as_ref());
            }
        }
        _ => {}
    }
}

/// As Go's `strconv` writes it, never with an exponent.
fn double(number: f64) -> String {
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
fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}...", &text[..end])
}

#[cfg(test)]
pub(super) mod tests {
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
            let flat = flatten(&[pair("k", value.clone())]);
            let found: Vec<_> = flat
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn the_later_layer_wins() {
        let flat = merge(&[
            &[text("a", "1"), text("b", "1")],
            &[text("b", "2")],
            &[pair("a", Value::BoolValue(true))],
        ]);
        assert_eq!(flat, Attributes::from([("b".to_owned(), "2".to_owned())]));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let value = format!("{}é!", "a".repeat(LONGEST - 1));
        let flat = flatten(&[text("k", &value)]);
        assert_eq!(flat["k"], format!("{}...", "a".repeat(LONGEST - 1)));
    }
}
