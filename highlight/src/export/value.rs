//! OpenTelemetry attribute values as protobuf.

use std::fmt::Display;

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, StringValue, Value};

use super::proto::{self, Scalar};
use super::text;
use crate::scrub::{REDACTED, Scrub};

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

/// A user's field with a scalar value: under a safe name, and without secrets.
pub(crate) fn field(buf: &mut Vec<u8>, field: u32, name: &str, value: Scalar<'_>, scrub: &Scrub) {
    let name = safe_name(name);
    if scrub.hides(name) {
        proto::key_value(buf, field, name, Scalar::Str(REDACTED));
    } else if let Scalar::Str(text) = value {
        proto::key_value(buf, field, name, Scalar::Str(&scrub.clean(text)));
    } else {
        proto::key_value(buf, field, name, value);
    }
}

/// A text of ours, whose name is none of a secret, nor of what upstream takes for itself.
pub(crate) fn own_text(buf: &mut Vec<u8>, field: u32, name: &str, text: &str, scrub: &Scrub) {
    if scrub.is_listed(name) {
        proto::key_value(buf, field, name, Scalar::Str(REDACTED));
    } else {
        proto::key_value(buf, field, name, Scalar::Str(&scrub.clean(text)));
    }
}

/// A [`field`] whose value has to be formatted.
pub(crate) fn display_field(
    buf: &mut Vec<u8>,
    field: u32,
    name: &str,
    value: &(impl Display + ?Sized),
    scrub: &Scrub,
) {
    let name = safe_name(name);
    if scrub.hides(name) {
        proto::key_value(buf, field, name, Scalar::Str(REDACTED));
        return;
    }
    let start = buf.len();
    text::format_bounded(buf, proto::MAX_ATTRIBUTE_BYTES, value);
    scrub.clean_tail(buf, start);
    proto::wrap_key_value(buf, field, name, start);
}

/// Writes an attribute of a span, an event, a link or a scope as a `KeyValue` with the given field number.
pub(crate) fn attribute(
    buf: &mut Vec<u8>,
    field_number: u32,
    name: &str,
    value: &Value,
    scrub: &Scrub,
) {
    let scalar = match value {
        Value::Bool(value) => Scalar::bool(*value),
        Value::I64(value) => Scalar::Int(*value),
        Value::F64(value) => Scalar::Double(*value),
        Value::String(value) => Scalar::Str(value.as_str()),
        Value::Array(_) if scrub.hides(name) => Scalar::Str(REDACTED),
        Value::Array(array) => {
            return proto::key_value_with(buf, field_number, name, |buf| {
                let start = buf.len();
                elements(buf, array, scrub);
                proto::wrap(buf, proto::ANY_ARRAY, start);
            });
        }
        // The enum may grow; what it prints is the best there is then.
        other => return display_field(buf, field_number, name, &other.as_str(), scrub),
    };
    field(buf, field_number, name, scalar, scrub);
}

/// Field number of `ArrayValue.values` and `KeyValueList.values`.
const VALUES: u32 = 1;

fn elements(buf: &mut Vec<u8>, array: &Array, scrub: &Scrub) {
    match array {
        Array::Bool(items) => each(buf, items, |item| Scalar::bool(*item)),
        Array::I64(items) => each(buf, items, |item| Scalar::Int(*item)),
        Array::F64(items) => each(buf, items, |item| Scalar::Double(*item)),
        Array::String(items) => text_elements(buf, items.iter().map(StringValue::as_str), scrub),
        other => proto::any_field(buf, VALUES, Scalar::Str(&format!("{other:?}"))),
    }
}

fn text_elements<'a>(buf: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>, scrub: &Scrub) {
    for text in texts {
        let text = scrub.clean(bounded(text));
        proto::any_field(buf, VALUES, Scalar::Str(&text));
    }
}

/// Writes an attribute that is a list of texts.
pub(crate) fn texts<'a>(
    buf: &mut Vec<u8>,
    field: u32,
    name: &str,
    texts: impl Iterator<Item = &'a str>,
    scrub: &Scrub,
) {
    if scrub.hides(name) {
        return proto::key_value(buf, field, name, Scalar::Str(REDACTED));
    }
    proto::key_value_with(buf, field, name, |buf| {
        let start = buf.len();
        text_elements(buf, texts, scrub);
        proto::wrap(buf, proto::ANY_ARRAY, start);
    });
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
pub(crate) fn log_attribute(
    buf: &mut Vec<u8>,
    field_number: u32,
    name: &str,
    value: &AnyValue,
    scrub: &Scrub,
) {
    entry(buf, field_number, name, value, scrub, MAX_DEPTH);
}

fn entry(
    buf: &mut Vec<u8>,
    field_number: u32,
    name: &str,
    value: &AnyValue,
    scrub: &Scrub,
    depth: u32,
) {
    match scalar(value) {
        Some(scalar) => field(buf, field_number, name, scalar, scrub),
        None if scrub.hides(name) => {
            proto::key_value(buf, field_number, name, Scalar::Str(REDACTED));
        }
        None => proto::key_value_with(buf, field_number, name, |buf| {
            nested(buf, value, scrub, depth);
        }),
    }
}

/// Writes `value` as an `AnyValue` field, for a log's body.
pub(crate) fn any_value(buf: &mut Vec<u8>, field: u32, value: &AnyValue, scrub: &Scrub) {
    element(buf, field, value, scrub, MAX_DEPTH);
}

fn element(buf: &mut Vec<u8>, field: u32, value: &AnyValue, scrub: &Scrub, depth: u32) {
    let start = buf.len();
    nested(buf, value, scrub, depth);
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
fn nested(buf: &mut Vec<u8>, value: &AnyValue, scrub: &Scrub, depth: u32) {
    let start = buf.len();
    match value {
        AnyValue::ListAny(_) | AnyValue::Map(_) if depth == 0 => Scalar::Str(TOO_DEEP).write(buf),
        AnyValue::ListAny(items) => {
            for item in items.iter() {
                element(buf, VALUES, item, scrub, depth - 1);
            }
            proto::wrap(buf, proto::ANY_ARRAY, start);
        }
        AnyValue::Map(entries) => {
            for (name, item) in entries.iter() {
                entry(buf, VALUES, name.as_str(), item, scrub, depth - 1);
            }
            proto::wrap(buf, proto::ANY_KVLIST, start);
        }
        AnyValue::Bytes(bytes) => {
            let shown = bytes.len().min(proto::MAX_ATTRIBUTE_BYTES / 2);
            let hex = hex(&bytes[..shown]);
            Scalar::Str(&hex).write(buf);
        }
        other => match scalar(other) {
            Some(Scalar::Str(text)) => Scalar::Str(&scrub.clean(bounded(text))).write(buf),
            Some(scalar) => scalar.write(buf),
            None => Scalar::Str(bounded(&format!("{other:?}"))).write(buf),
        },
    }
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(proto::MAX_ATTRIBUTE_BYTES)]
}
