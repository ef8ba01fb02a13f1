//! Protobuf's wire format, as far as OTLP needs it: fields appended to a byte buffer, nothing in between.
//!
//! Lengths are known before a message is written, so no message is ever built and then copied. The one exception is
//! text that has to be formatted first ([`key_value_display`]); it is formatted in place and moved up by its header.

#[cfg(test)]
mod tests;

use std::fmt::Display;

use super::text::format_bounded;

/// Upstream cuts attribute strings at this many bytes; longer ones would only cost the wire.
/// The cut text ends in [`CUT_MARK`](super::text::CUT_MARK).
pub(crate) const MAX_ATTRIBUTE_BYTES: usize = 65_536;
/// Longest log body sent, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 262_144;

/// Field numbers of `opentelemetry.proto.common.v1`.
pub(crate) const KEY: u32 = 1;
pub(crate) const VALUE: u32 = 2;
pub(crate) const ANY_STRING: u32 = 1;
const ANY_INT: u32 = 3;
const ANY_DOUBLE: u32 = 4;
pub(crate) const ANY_ARRAY: u32 = 5;
pub(crate) const ANY_KVLIST: u32 = 6;

pub(crate) const WIRE_VARINT: u32 = 0;
pub(crate) const WIRE_FIXED64: u32 = 1;
const WIRE_LEN: u32 = 2;
pub(crate) const WIRE_FIXED32: u32 = 5;

#[inline]
pub(crate) fn varint(buf: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        buf.push(value.to_le_bytes()[0]);
    } else {
        let (bytes, len) = varint_bytes(value);
        put_first(buf, &bytes, len);
    }
}

/// Appends the first `len` of `bytes`. All are copied: a copy of a size that the compiler knows takes an instruction or two, one of
/// any other size a call.
#[inline]
pub(crate) fn put_first<const N: usize>(buf: &mut Vec<u8>, bytes: &[u8; N], len: usize) {
    let end = buf.len() + len;
    buf.extend_from_slice(bytes);
    buf.truncate(end);
}

/// The bytes of [`varint`], and how many of them there are.
#[inline]
fn varint_bytes(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    if value < 0x80 {
        bytes[0] = value.to_le_bytes()[0];
        return (bytes, 1);
    }
    if value < 0x4000 {
        let [low, high, ..] = value.to_le_bytes();
        bytes[0] = low | 0x80;
        bytes[1] = high << 1 | low >> 7;
        return (bytes, 2);
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        if value == 0 {
            *byte &= 0x7f;
            return (bytes, at + 1);
        }
    }
    (bytes, bytes.len())
}

/// Bytes that [`varint`] writes for `value`.
#[inline]
pub(crate) const fn varint_len(value: u64) -> usize {
    // Seven payload bits a byte; zero still takes one.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[inline]
fn key(buf: &mut Vec<u8>, field: u32, wire: u32) {
    varint(buf, u64::from(field << 3 | wire));
}

/// Size of a length-delimited field with a payload of `len` bytes, key and length included.
#[inline]
pub(crate) const fn len_field_size(field: u32, len: usize) -> usize {
    varint_len((field << 3) as u64) + varint_len(len as u64) + len
}

/// Key and length of a length-delimited field; the payload follows.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the field is known where it is called"
)]
pub(crate) fn len_header(buf: &mut Vec<u8>, field: u32, len: usize) {
    let one_byte = u8::try_from(field << 3 | WIRE_LEN).ok();
    let Some(one_byte) = one_byte.filter(|key| *key < 0x80) else {
        key(buf, field, WIRE_LEN);
        return varint(buf, len as u64);
    };
    let [low, high, ..] = len.to_le_bytes();
    match len {
        0..0x80 => buf.extend_from_slice(&[one_byte, low]),
        0x80..0x4000 => buf.extend_from_slice(&[one_byte, low | 0x80, high << 1 | low >> 7]),
        _ => {
            buf.push(one_byte);
            varint(buf, len as u64);
        }
    }
}

/// [`len_header`] of `LEN` bytes, where that and the field's number are small enough for two bytes.
pub(crate) const fn short_header<const LEN: usize>(field: u32) -> [u8; 2] {
    let [key] = short_key(field, WIRE_LEN);
    assert!(LEN < 0x80);
    [key, LEN.to_le_bytes()[0]]
}

/// A key that takes one byte.
pub(crate) const fn short_key(field: u32, wire: u32) -> [u8; 1] {
    let key = field << 3 | wire;
    assert!(key < 0x80);
    [key.to_le_bytes()[0]]
}

/// A key that takes two.
pub(crate) const fn long_key(field: u32, wire: u32) -> [u8; 2] {
    let key = field << 3 | wire;
    assert!(key >= 0x80 && key < 0x4000);
    let [low, high, ..] = key.to_le_bytes();
    [low | 0x80, high << 1 | low >> 7]
}

#[inline]
pub(crate) fn bytes_field(buf: &mut Vec<u8>, field: u32, value: &[u8]) {
    len_header(buf, field, value.len());
    buf.extend_from_slice(value);
}

/// A string field; protobuf leaves out the empty string, its default.
#[inline]
pub(crate) fn str_field(buf: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes_field(buf, field, value.as_bytes());
    }
}

#[inline]
pub(crate) fn uint_field(buf: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        key(buf, field, WIRE_VARINT);
        varint(buf, value);
    }
}

#[inline]
pub(crate) fn fixed64_field(buf: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        fixed64_present(buf, field, value);
    }
}

/// A field of a `oneof`, or an optional one: it is written even when it is zero.
#[inline]
pub(crate) fn fixed64_present(buf: &mut Vec<u8>, field: u32, value: u64) {
    let Ok(one_byte @ ..0x80) = u8::try_from(field << 3 | WIRE_FIXED64) else {
        key(buf, field, WIRE_FIXED64);
        return buf.extend_from_slice(&value.to_le_bytes());
    };
    let mut bytes = [one_byte; 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    buf.extend_from_slice(&bytes);
}

/// As [`fixed64_present`].
#[inline]
pub(crate) fn double_present(buf: &mut Vec<u8>, field: u32, value: f64) {
    fixed64_present(buf, field, value.to_bits());
}

/// A `sint32` field: zigzag, so that small negative numbers stay short.
pub(crate) fn sint32_field(buf: &mut Vec<u8>, field: u32, value: i32) {
    uint_field(
        buf,
        field,
        u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()),
    );
}

/// A packed `repeated fixed64` or `repeated double` field, given as bits.
pub(crate) fn packed64_field(buf: &mut Vec<u8>, field: u32, values: impl Iterator<Item = u64>) {
    let start = buf.len();
    for value in values {
        buf.extend_from_slice(&value.to_le_bytes());
    }
    wrap_unless_empty(buf, field, start);
}

/// A packed `repeated uint64` field.
pub(crate) fn packed_varint_field(
    buf: &mut Vec<u8>,
    field: u32,
    values: impl Iterator<Item = u64>,
) {
    let start = buf.len();
    for value in values {
        varint(buf, value);
    }
    wrap_unless_empty(buf, field, start);
}

fn wrap_unless_empty(buf: &mut Vec<u8>, field: u32, start: usize) {
    if buf.len() > start {
        wrap(buf, field, start);
    }
}

#[inline]
pub(crate) fn fixed32_field(buf: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        key(buf, field, WIRE_FIXED32);
        buf.extend_from_slice(&value.to_le_bytes());
    }
}

/// An `AnyValue` of a scalar kind, the kinds that upstream keeps.
///
/// Upstream drops booleans, so they are sent as the strings `true` and `false`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Str(&'a str),
    Int(i64),
    Double(f64),
}

impl Scalar<'_> {
    pub(crate) const fn bool(value: bool) -> Self {
        Scalar::Str(if value { "true" } else { "false" })
    }

    #[inline]
    pub(crate) const fn size(self) -> usize {
        match self {
            Scalar::Str(text) => len_field_size(ANY_STRING, text.len()),
            Scalar::Int(value) => 1 + varint_len(value.cast_unsigned()),
            Scalar::Double(_) => 9,
        }
    }

    /// Writes the `AnyValue` payload.
    #[inline]
    pub(crate) fn write(self, buf: &mut Vec<u8>) {
        match self {
            Scalar::Str(text) => bytes_field(buf, ANY_STRING, text.as_bytes()),
            Scalar::Int(value) => {
                let (bytes, len) = any_int(value);
                put_first(buf, &bytes, len);
            }
            Scalar::Double(value) => buf.extend_from_slice(&any_double(value)),
        }
    }
}

/// The key of a text in an `AnyValue`.
pub(crate) const ANY_TEXT: u8 = (ANY_STRING << 3 | WIRE_LEN).to_le_bytes()[0];

/// The payload of an `AnyValue` with an integer: its bytes, and how many of them there are.
#[inline]
pub(crate) fn any_int(value: i64) -> ([u8; 11], usize) {
    const KEY: u8 = (ANY_INT << 3 | WIRE_VARINT).to_le_bytes()[0];
    let mut bytes = [KEY; 11];
    let (varint, len) = varint_bytes(value.cast_unsigned());
    bytes[1..].copy_from_slice(&varint);
    (bytes, 1 + len)
}

/// The payload of an `AnyValue` with a floating-point number.
#[inline]
pub(crate) fn any_double(value: f64) -> [u8; 9] {
    const KEY: u8 = (ANY_DOUBLE << 3 | WIRE_FIXED64).to_le_bytes()[0];
    let mut bytes = [KEY; 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// An `AnyValue` field holding a scalar: a log's body, an array's element.
pub(crate) fn any_field(buf: &mut Vec<u8>, field: u32, value: Scalar<'_>) {
    len_header(buf, field, value.size());
    value.write(buf);
}

/// A `KeyValue` field with a scalar value. Long text is cut.
#[inline]
pub(crate) fn key_value(buf: &mut Vec<u8>, field: u32, name: &str, value: Scalar<'_>) {
    if let Scalar::Str(text) = value
        && text.len() > MAX_ATTRIBUTE_BYTES
    {
        return key_value_display(buf, field, name, &text);
    }
    let any = value.size();
    let name_size = len_field_size(KEY, name.len());
    len_header(buf, field, name_size + len_field_size(VALUE, any));
    bytes_field(buf, KEY, name.as_bytes());
    len_header(buf, VALUE, any);
    value.write(buf);
}

/// A `KeyValue` field whose text is formatted straight into the buffer.
pub(crate) fn key_value_display(
    buf: &mut Vec<u8>,
    field: u32,
    name: &str,
    value: &(impl Display + ?Sized),
) {
    let start = buf.len();
    format_bounded(buf, MAX_ATTRIBUTE_BYTES, value);
    wrap_key_value(buf, field, name, start);
}

/// Makes the text that was written from `start` on the value of a `KeyValue` field.
pub(crate) fn wrap_key_value(buf: &mut Vec<u8>, field: u32, name: &str, start: usize) {
    let text = buf.len() - start;
    let any = len_field_size(ANY_STRING, text);
    let name_size = len_field_size(KEY, name.len());
    prepend(buf, start, |head| {
        len_header(head, field, name_size + len_field_size(VALUE, any));
        bytes_field(head, KEY, name.as_bytes());
        len_header(head, VALUE, any);
        len_header(head, ANY_STRING, text);
    });
}

/// Room for the header of an `AnyValue` field with a text, which is written next. Says where the text begins.
#[inline]
pub(crate) fn begin_any_text(buf: &mut Vec<u8>) -> usize {
    buf.extend_from_slice(&[0; SHORT_ANY_HEADER]);
    buf.len()
}

/// Key and length of the field, key and length of the text, where each takes a byte.
const SHORT_ANY_HEADER: usize = 4;

/// Writes the header of an `AnyValue` field (a log's body) into the room before its text, which begins at `start`.
#[inline]
pub(crate) fn end_any_text(buf: &mut Vec<u8>, field: u32, start: usize) {
    let from = start - SHORT_ANY_HEADER;
    let text = buf.len() - start;
    let any = len_field_size(ANY_STRING, text);
    let one_byte = |number: usize| u8::try_from(number).ok().filter(|byte| *byte < 0x80);
    let key = one_byte((field << 3 | WIRE_LEN) as usize);
    if let (Some(key), Some(any), Some(text)) = (key, one_byte(any), one_byte(text)) {
        buf[from..start].copy_from_slice(&[key, any, ANY_TEXT, text]);
        return;
    }
    // It does not fit: the header goes behind, and the room before becomes its place.
    let end = buf.len();
    len_header(buf, field, any);
    len_header(buf, ANY_STRING, text);
    let header = buf.len() - end;
    buf[start..].rotate_right(header);
    buf.drain(from..start);
}

/// Makes what was written from `start` on the payload of a length-delimited field.
pub(crate) fn wrap(buf: &mut Vec<u8>, field: u32, start: usize) {
    let len = buf.len() - start;
    prepend(buf, start, |head| len_header(head, field, len));
}

/// A `KeyValue` field whose `AnyValue` payload is written by `value`.
pub(crate) fn key_value_with(
    buf: &mut Vec<u8>,
    field: u32,
    name: &str,
    value: impl FnOnce(&mut Vec<u8>),
) {
    let start = buf.len();
    bytes_field(buf, KEY, name.as_bytes());
    let inner = buf.len();
    value(buf);
    wrap(buf, VALUE, inner);
    wrap(buf, field, start);
}

/// Writes the header that `head` makes before the bytes from `start` on: written behind them, then rotated.
fn prepend(buf: &mut Vec<u8>, start: usize, head: impl FnOnce(&mut Vec<u8>)) {
    let end = buf.len();
    head(buf);
    let header = buf.len() - end;
    buf[start..].rotate_right(header);
}
