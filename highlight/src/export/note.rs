//! A record as its caller leaves it: what changes from one record of a call site to the next, unencoded. The worker writes the record
//! of it, so that the caller pays for neither protobuf nor the look for secrets.
//!
//! A note never leaves the process, so it has no version and numbers have the machine's own byte order.

use std::fmt::Display;

use opentelemetry::{SpanId, TraceFlags, TraceId};

use super::text;

/// Kinds of values.
const INT: u8 = 0;
const DOUBLE: u8 = 1;
const BOOL: u8 = 2;
const TEXT: u8 = 3;
const ENCODED: u8 = 4;

/// Of a note's head: the call site, whether there is a trace, the length of the attributes, and the time.
const HEAD: usize = 16;
const AMBIENT_LEN: usize = 4;
/// Of a text: its field, its kind and its length.
const TEXT_HEAD: usize = 6;

/// In the call site's place of a note that holds a whole record.
const WHOLE: u16 = u16::MAX;

/// The span that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: TraceId,
    pub(crate) span: SpanId,
    pub(crate) flags: TraceFlags,
}

/// What precedes a log record in the note that holds it whole.
pub(crate) fn of_whole(time: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..2].copy_from_slice(&WHOLE.to_ne_bytes());
    head[8..].copy_from_slice(&time.to_ne_bytes());
    head
}

/// Fields' values that are being noted.
#[derive(Debug)]
pub(crate) struct Values<'a>(&'a mut Vec<u8>);

impl<'a> Values<'a> {
    /// Notes values behind what is in `buf`.
    pub(crate) fn behind(buf: &'a mut Vec<u8>) -> Self {
        Values(buf)
    }

    /// Begins the note of a log record in the empty `buf`. `ambient` writes attributes that are the same for all records of a request, encoded.
    #[inline]
    pub(crate) fn of_log(
        buf: &'a mut Vec<u8>,
        site: u16,
        time: u64,
        trace: Option<Trace>,
        ambient: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let mut head = [0; HEAD];
        head[..2].copy_from_slice(&site.to_ne_bytes());
        head[2] = trace.is_some().into();
        head[8..].copy_from_slice(&time.to_ne_bytes());
        buf.extend_from_slice(&head);
        if let Some(trace) = trace {
            buf.extend_from_slice(&trace.id.to_bytes());
            buf.extend_from_slice(&trace.span.to_bytes());
            buf.push(trace.flags.to_u8());
        }
        let start = buf.len();
        ambient(buf);
        let len = length(buf.len() - start);
        buf[AMBIENT_LEN..][..4].copy_from_slice(&len);
        Values(buf)
    }

    #[inline]
    pub(crate) fn int(&mut self, field: u8, value: i64) {
        self.eight(field, INT, value.to_ne_bytes());
    }

    #[inline]
    pub(crate) fn double(&mut self, field: u8, value: f64) {
        self.eight(field, DOUBLE, value.to_ne_bytes());
    }

    #[inline]
    pub(crate) fn bool(&mut self, field: u8, value: bool) {
        self.0.extend_from_slice(&[field, BOOL, value.into()]);
    }

    /// A text, cut to `max` bytes.
    #[inline]
    pub(crate) fn text(&mut self, field: u8, text: &str, max: usize) {
        if text.len() > max {
            return self.display(field, text, max);
        }
        self.0.extend_from_slice(&text_head(field, text.len()));
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A value that has to be formatted, cut to `max` bytes.
    pub(crate) fn display(&mut self, field: u8, value: &(impl Display + ?Sized), max: usize) {
        self.long(field, TEXT, |buf| text::format_bounded(buf, max, value));
    }

    /// Attributes that `write` encodes.
    pub(crate) fn encoded(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.long(0, ENCODED, write);
    }

    fn long(&mut self, field: u8, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let mut head = text_head(field, 0);
        head[1] = kind;
        self.0.extend_from_slice(&head);
        let start = self.0.len();
        write(self.0);
        let len = length(self.0.len() - start);
        self.0[start - 4..start].copy_from_slice(&len);
    }

    #[inline]
    fn eight(&mut self, field: u8, kind: u8, value: [u8; 8]) {
        let mut bytes = [field; 10];
        bytes[1] = kind;
        bytes[2..].copy_from_slice(&value);
        self.0.extend_from_slice(&bytes);
    }
}

#[inline]
fn text_head(field: u8, len: usize) -> [u8; TEXT_HEAD] {
    let mut head = [field; TEXT_HEAD];
    head[1] = TEXT;
    head[2..].copy_from_slice(&length(len));
    head
}

/// All texts are cut far below what this can say.
#[inline]
pub(super) fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_ne_bytes()
}

/// A log record's note that was written.
#[derive(Debug)]
pub(crate) struct Note<'a> {
    pub(crate) site: u16,
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) trace: Option<Trace>,
    /// Encoded attributes.
    pub(crate) ambient: &'a [u8],
    values: &'a [u8],
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Int(i64),
    Double(f64),
    Bool(bool),
    /// As it was noted, so it is UTF-8; to make sure of that again costs more than to write it.
    Text(&'a [u8]),
    /// Attributes, not of one field.
    Encoded(&'a [u8]),
}

impl<'a> Note<'a> {
    /// None for what is no note.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let site = u16::from_ne_bytes(take(&mut rest)?);
        let [is_traced, _] = take(&mut rest)?;
        let ambient = usize::try_from(u32::from_ne_bytes(take(&mut rest)?)).ok()?;
        let time = u64::from_ne_bytes(take(&mut rest)?);
        let trace = if is_traced == 0 {
            None
        } else {
            Some(Trace {
                id: TraceId::from_bytes(take(&mut rest)?),
                span: SpanId::from_bytes(take(&mut rest)?),
                flags: TraceFlags::new(take::<1>(&mut rest)?[0]),
            })
        };
        let (ambient, values) = rest.split_at_checked(ambient)?;
        Some(Note {
            site,
            time,
            trace,
            ambient,
            values,
        })
    }

    /// The record, where the note holds it whole.
    pub(crate) fn whole(&self) -> Option<&'a [u8]> {
        (self.site == WHOLE).then_some(self.values)
    }

    /// The values, each with its field.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u8, Value<'a>)> {
        values(self.values)
    }
}

/// The values that were noted in `bytes`, each with its field.
pub(crate) fn values(mut bytes: &[u8]) -> impl Iterator<Item = (u8, Value<'_>)> {
    std::iter::from_fn(move || value(&mut bytes))
}

fn value<'a>(rest: &mut &'a [u8]) -> Option<(u8, Value<'a>)> {
    let [field, kind] = take(rest)?;
    let value = match kind {
        INT => Value::Int(i64::from_ne_bytes(take(rest)?)),
        DOUBLE => Value::Double(f64::from_ne_bytes(take(rest)?)),
        BOOL => Value::Bool(take(rest)? != [0]),
        ENCODED => Value::Encoded(piece(rest)?),
        _ => Value::Text(piece(rest)?),
    };
    Some((field, value))
}

/// When it was made; zero for what is no note.
pub(crate) fn time(note: &[u8]) -> u64 {
    note.get(8..)
        .and_then(|mut rest| take(&mut rest))
        .map_or(0, u64::from_ne_bytes)
}

/// Bytes behind their length.
pub(super) fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(u32::from_ne_bytes(take(rest)?)).ok()?;
    let (piece, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(piece)
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: Trace = Trace {
        id: TraceId::from_bytes([7; 16]),
        span: SpanId::from_bytes([9; 8]),
        flags: TraceFlags::SAMPLED,
    };

    fn written(trace: Option<Trace>) -> Vec<u8> {
        let mut buf = Vec::new();
        let ambient = |buf: &mut Vec<u8>| buf.extend_from_slice(b"ambient");
        let mut values = Values::of_log(&mut buf, 513, u64::MAX, trace, ambient);
        values.int(0, i64::MIN);
        values.double(1, -0.5);
        values.bool(2, true);
        values.text(3, "Grüße", 100);
        values.text(4, "Grüße", 3);
        values.display(5, &format_args!("{}-{}", 1, 2), 100);
        values.text(255, "", 100);
        values.encoded(|buf| buf.extend_from_slice(b"encoded"));
        buf
    }

    #[test]
    fn what_was_noted_is_read() {
        for trace in [None, Some(TRACE)] {
            let bytes = written(trace);
            let note = Note::read(&bytes).unwrap();
            assert_eq!((note.site, note.time, note.trace), (513, u64::MAX, trace));
            assert_eq!(note.ambient, b"ambient");
            let values: Vec<_> = note.values().collect();
            assert_eq!(
                values,
                [
                    (0, Value::Int(i64::MIN)),
                    (1, Value::Double(-0.5)),
                    (2, Value::Bool(true)),
                    (3, Value::Text("Grüße".as_bytes())),
                    (4, Value::Text(b"Gr...")),
                    (5, Value::Text(b"1-2")),
                    (255, Value::Text(b"")),
                    (0, Value::Encoded(b"encoded")),
                ]
            );
        }
    }

    #[test]
    fn a_whole_record_is_in_its_note() {
        let bytes = [&of_whole(7)[..], b"record"].concat();
        let note = Note::read(&bytes).unwrap();
        assert_eq!((note.whole(), note.time), (Some(&b"record"[..]), 7));
        let bytes = written(None);
        assert_eq!(Note::read(&bytes).unwrap().whole(), None);
    }

    #[test]
    fn what_is_cut_short_is_read_as_far_as_it_goes() {
        let bytes = written(Some(TRACE));
        for end in 0..bytes.len() {
            if let Some(note) = Note::read(&bytes[..end]) {
                assert!(note.values().count() < 8);
            }
        }
    }
}
