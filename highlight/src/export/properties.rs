//! What holds for any input: our bytes say what OpenTelemetry's own types say, and no bytes from outside do harm.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Key, StringValue, Value};
use opentelemetry_proto::tonic::common::v1 as reference;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Sent;
use opentelemetry_proto::tonic::logs::v1::LogRecord as SentRecord;
use proptest::prelude::*;
use prost::Message as _;

use super::batch::{Batch, BatchIds};
use super::log_record::{LogRecord, Opening, Severity, Style};
use super::reader::Fields;
use super::split::split;
use super::spool_file::{self, Entry};
use super::stats::Signal;
use super::value::{MAX_DEPTH, TOO_DEEP};
use super::{proto, value};
use crate::context::Correlation;
use crate::scrub::Scrub;

/// Any text: every character that Rust knows, and some that are not printed.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.]{0,12}",
        prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
        prop::collection::vec(prop::sample::select(vec![' ', '<', 'a', '\u{a0}']), 0..20)
            .prop_map(String::from_iter),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let texts = text().prop_map(StringValue::from);
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<f64>().prop_map(Value::F64),
        text().prop_map(|text| Value::String(text.into())),
        prop::collection::vec(any::<bool>(), 0..9).prop_map(|all| Value::Array(Array::Bool(all))),
        prop::collection::vec(any::<i64>(), 0..9).prop_map(|all| Value::Array(Array::I64(all))),
        prop::collection::vec(any::<f64>(), 0..9).prop_map(|all| Value::Array(Array::F64(all))),
        prop::collection::vec(texts, 0..9).prop_map(|all| Value::Array(Array::String(all))),
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(AnyValue::Boolean),
        any::<i64>().prop_map(AnyValue::Int),
        any::<f64>().prop_map(AnyValue::Double),
        text().prop_map(|text| AnyValue::String(text.into())),
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| AnyValue::Bytes(Box::new(bytes))),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| AnyValue::ListAny(Box::new(items))),
            prop::collection::hash_map(text().prop_map(Key::from), inner, 0..6)
                .prop_map(|entries| AnyValue::Map(Box::new(entries))),
        ]
    })
}

/// A value as it should be read: numbers by their bits, so that what is no number equals itself, and maps in order.
#[derive(Debug, PartialEq)]
enum Read {
    Text(String),
    Int(i64),
    Double(u64),
    List(Vec<Read>),
    Map(BTreeMap<String, Read>),
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap())
        .collect()
}

fn wanted(value: &AnyValue) -> Read {
    match value {
        AnyValue::Boolean(value) => Read::Text(value.to_string()),
        AnyValue::Int(value) => Read::Int(*value),
        AnyValue::Double(value) => Read::Double(value.to_bits()),
        AnyValue::String(text) => Read::Text(text.to_string()),
        AnyValue::Bytes(bytes) => Read::Text(hex(bytes)),
        AnyValue::ListAny(items) => Read::List(items.iter().map(wanted).collect()),
        AnyValue::Map(entries) => Read::Map(
            entries
                .iter()
                .map(|(key, value)| (key.to_string(), wanted(value)))
                .collect(),
        ),
        other => panic!("there is a new kind of value: {other:?}"),
    }
}

fn wanted_of(value: &Value) -> Read {
    match value {
        Value::Bool(value) => Read::Text(value.to_string()),
        Value::I64(value) => Read::Int(*value),
        Value::F64(value) => Read::Double(value.to_bits()),
        Value::String(text) => Read::Text(text.to_string()),
        Value::Array(Array::Bool(all)) => list(all, |item| Read::Text(item.to_string())),
        Value::Array(Array::I64(all)) => list(all, |item| Read::Int(*item)),
        Value::Array(Array::F64(all)) => list(all, |item| Read::Double(item.to_bits())),
        Value::Array(Array::String(all)) => list(all, |item| Read::Text(item.to_string())),
        other => panic!("there is a new kind of value: {other:?}"),
    }
}

fn list<T>(items: &[T], read: impl Fn(&T) -> Read) -> Read {
    Read::List(items.iter().map(read).collect())
}

fn read(value: Option<reference::AnyValue>) -> Read {
    match value.unwrap().value.unwrap() {
        Sent::StringValue(text) => Read::Text(text),
        Sent::IntValue(value) => Read::Int(value),
        Sent::DoubleValue(value) => Read::Double(value.to_bits()),
        Sent::ArrayValue(list) => Read::List(
            list.values
                .into_iter()
                .map(|item| read(Some(item)))
                .collect(),
        ),
        Sent::KvlistValue(map) => Read::Map(
            map.values
                .into_iter()
                .map(|pair| (pair.key, read(pair.value)))
                .collect(),
        ),
        other => panic!("upstream drops {other:?}"),
    }
}

/// Decodes the one attribute that `write` writes.
fn attribute(write: impl FnOnce(&mut Vec<u8>)) -> (String, Read) {
    let mut bytes = Vec::new();
    write(&mut bytes);
    let record = SentRecord::decode(bytes.as_slice()).unwrap();
    let [pair] = <[_; 1]>::try_from(record.attributes).unwrap();
    (pair.key, read(pair.value))
}

/// Random text may look like a secret.
fn unscrubbed() -> Scrub {
    Scrub::new(false, &[])
}

/// Field number of `attributes` in `LogRecord`.
const ATTRIBUTES: u32 = 6;

proptest! {
    #[test]
    fn an_attribute_is_read_as_it_was_given(name in text(), given in value()) {
        let sent = attribute(|buf| value::attribute(buf, ATTRIBUTES, &name, &given, &unscrubbed()));
        prop_assert_eq!(sent, (name, wanted_of(&given)));
    }

    #[test]
    fn a_nested_attribute_is_read_as_it_was_given(name in text(), given in any_value()) {
        let sent = attribute(|buf| value::log_attribute(buf, ATTRIBUTES, &name, &given, &unscrubbed()));
        prop_assert_eq!(sent, (name, wanted(&given)));
    }

    #[test]
    fn a_body_and_its_fields_are_read_as_they_were_given(
        body in text(), fields in prop::collection::vec((text(), text(), any::<i64>()), 0..30)
    ) {
        let mut bytes = Vec::new();
        let correlation = Correlation::default();
        let opening = Opening::Severity(Severity::Info);
        let style = Style {
            guard_markup: true,
            scrub: unscrubbed(),
            ..Style::default()
        };
        let mut record =
            LogRecord::begin(&mut bytes, opening, UNIX_EPOCH, &correlation, &style);
        record.body(&body);
        for (name, text, number) in &fields {
            record.display(name, text).int(name, *number);
        }
        record.finish();
        let sent = SentRecord::decode(bytes.as_slice()).unwrap();
        let expected = if body.starts_with('<') {
            body
        } else {
            body.replace(" <", "\u{a0}<")
        };
        prop_assert_eq!(read(sent.body), Read::Text(expected));
        let sent: Vec<_> = sent
            .attributes
            .into_iter()
            .map(|pair| (pair.key, read(pair.value)))
            .collect();
        let given: Vec<_> = fields
            .into_iter()
            .flat_map(|(name, text, number)| {
                let name = value::safe_name(&name).to_owned();
                [(name.clone(), Read::Text(text)), (name, Read::Int(number))]
            })
            .collect();
        prop_assert_eq!(sent, given);
    }

    #[test]
    fn a_varint_is_as_long_as_was_said(value in any::<u64>()) {
        let mut bytes = Vec::new();
        proto::varint(&mut bytes, value);
        prop_assert_eq!(bytes.len(), proto::varint_len(value));
    }

    #[test]
    fn no_bytes_from_outside_upset_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        let entry = Entry::parse("1-2-3-logs.otlp", 300).unwrap();
        prop_assert!(spool_file::read(&entry, bytes.clone()).is_none());
        let body = super::batch::compressed(std::iter::once(bytes.into()), 0, drop);
        split(&batch(body), &mut BatchIds::new());
    }

    #[test]
    fn a_name_of_a_file_is_ours_or_it_is_not(name in "[0-9a-z.-]{0,40}") {
        if let Some(entry) = Entry::parse(&name, 1) {
            prop_assert_eq!(entry.name, name);
        }
    }
}

fn batch(body: Bytes) -> Batch {
    Batch {
        id: 1,
        signal: Signal::Logs,
        body,
        records: 10,
        held: 0,
        sequence: 0,
        spooled: None,
    }
}

#[test]
fn however_deep_a_value_is_its_request_can_be_decoded() {
    for map in [false, true] {
        let mut given = AnyValue::Int(1);
        for _ in 0..200 {
            given = if map {
                AnyValue::Map(Box::new([("k".into(), given)].into()))
            } else {
                AnyValue::ListAny(Box::new(vec![given]))
            };
        }
        let (_, mut sent) =
            attribute(|buf| value::log_attribute(buf, ATTRIBUTES, "n", &given, &unscrubbed()));
        let mut depth = 0;
        loop {
            sent = match sent {
                Read::List(mut items) => items.remove(0),
                Read::Map(mut entries) => entries.remove("k").unwrap(),
                end => {
                    assert_eq!(end, Read::Text(TOO_DEEP.to_owned()));
                    break;
                }
            };
            depth += 1;
        }
        assert_eq!(depth, MAX_DEPTH);
    }
}
