//! OpenTelemetry attribute values as protobuf.

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Value};

use super::proto::{self, Scalar};

/// Attribute names that upstream takes out of a record for itself; a user's field of that name would vanish.
const TAKEN: [(&str, &str); 6] = [
    ("level", "attr.level"),
    ("severity", "attr.severity"),
    ("message", "attr.message"),
    ("environment", "attr.environment"),
    ("URL", "attr.URL"),
    ("Source", "attr.Source"),
];

/// The name under which a user's field is sent.
pub(crate) fn safe_name(name: &str) -> &str {
    // All taken names are short, so most fields are told apart by their length.
    if name.len() > 11 {
        return name;
    }
    TAKEN
        .iter()
        .find_map(|(taken, renamed)| (*taken == name).then_some(*renamed))
        .unwrap_or(name)
}

/// Writes an attribute of a span, an event, a link or a scope as a `KeyValue` with the given field number.
pub(crate) fn attribute(buf: &mut Vec<u8>, field: u32, name: &str, value: &Value) {
    let scalar = match value {
        Value::Bool(value) => Scalar::bool(*value),
        Value::I64(value) => Scalar::Int(*value),
        Value::F64(value) => Scalar::Double(*value),
        Value::String(value) => Scalar::Str(value.as_str()),
        Value::Array(array) => {
            return proto::key_value_with(buf, field, name, |buf| {
                let start = buf.len();
                elements(buf, array);
                proto::wrap(buf, proto::ANY_ARRAY, start);
            });
        }
        // The enum may grow; what it prints is the best there is then.
        other => return proto::key_value_display(buf, field, name, &other.as_str()),
    };
    proto::key_value(buf, field, name, scalar);
}

/// Field number of `ArrayValue.values` and `KeyValueList.values`.
const VALUES: u32 = 1;

fn elements(buf: &mut Vec<u8>, array: &Array) {
    match array {
        Array::Bool(items) => each(buf, items, |item| Scalar::bool(*item)),
        Array::I64(items) => each(buf, items, |item| Scalar::Int(*item)),
        Array::F64(items) => each(buf, items, |item| Scalar::Double(*item)),
        Array::String(items) => each(buf, items, |item| Scalar::Str(bounded(item.as_str()))),
        other => proto::any_field(buf, VALUES, Scalar::Str(&format!("{other:?}"))),
    }
}

fn each<'a, T>(buf: &mut Vec<u8>, items: &'a [T], scalar: impl Fn(&'a T) -> Scalar<'a>) {
    for item in items {
        proto::any_field(buf, VALUES, scalar(item));
    }
}

/// Deeper lists and maps are not sent: decoders give up on a whole request at a hundred messages within messages, and each
/// level of ours is up to three.
pub(crate) const MAX_DEPTH: u32 = 16;
pub(crate) const TOO_DEEP: &str = "<nested too deeply>";

/// Writes an attribute of a log record that came through the OpenTelemetry logs API.
pub(crate) fn log_attribute(buf: &mut Vec<u8>, field: u32, name: &str, value: &AnyValue) {
    entry(buf, field, name, value, MAX_DEPTH);
}

fn entry(buf: &mut Vec<u8>, field: u32, name: &str, value: &AnyValue, depth: u32) {
    match scalar(value) {
        Some(scalar) => proto::key_value(buf, field, name, scalar),
        None => proto::key_value_with(buf, field, name, |buf| nested(buf, value, depth)),
    }
}

/// Writes `value` as an `AnyValue` field, for a log's body.
pub(crate) fn any_value(buf: &mut Vec<u8>, field: u32, value: &AnyValue) {
    element(buf, field, value, MAX_DEPTH);
}

fn element(buf: &mut Vec<u8>, field: u32, value: &AnyValue, depth: u32) {
    let start = buf.len();
    nested(buf, value, depth);
    proto::wrap(buf, field, start);
}

fn scalar(value: &AnyValue) -> Option<Scalar<'_>> {
    match value {
        AnyValue::Int(value) => Some(Scalar::Int(*value)),
        AnyValue::Double(value) => Some(Scalar::Double(*value)),
        AnyValue::String(value) => Some(Scalar::Str(value.as_str())),
        AnyValue::Boolean(value) => Some(Scalar::bool(*value)),
        _ => None,
    }
}

/// The payload of an `AnyValue` that is not a scalar. Upstream drops bytes, so they are sent as hexadecimal text.
fn nested(buf: &mut Vec<u8>, value: &AnyValue, depth: u32) {
    let start = buf.len();
    match value {
        AnyValue::ListAny(_) | AnyValue::Map(_) if depth == 0 => Scalar::Str(TOO_DEEP).write(buf),
        AnyValue::ListAny(items) => {
            for item in items.iter() {
                element(buf, VALUES, item, depth - 1);
            }
            proto::wrap(buf, proto::ANY_ARRAY, start);
        }
        AnyValue::Map(entries) => {
            for (name, item) in entries.iter() {
                entry(buf, VALUES, name.as_str(), item, depth - 1);
            }
            proto::wrap(buf, proto::ANY_KVLIST, start);
        }
        AnyValue::Bytes(bytes) => {
            let shown = bytes.len().min(proto::MAX_ATTRIBUTE_BYTES / 2);
            let digits = bytes[..shown]
                .iter()
                .flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits
                .filter_map(|digit| char::from_digit(u32::from(digit), 16))
                .collect();
            Scalar::Str(&hex).write(buf);
        }
        other => match scalar(other) {
            Some(Scalar::Str(text)) => Scalar::Str(bounded(text)).write(buf),
            Some(scalar) => scalar.write(buf),
            None => Scalar::Str(bounded(&format!("{other:?}"))).write(buf),
        },
    }
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(proto::MAX_ATTRIBUTE_BYTES)]
}
