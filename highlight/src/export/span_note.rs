//! A span's note: what the worker writes the span's record of.

use opentelemetry::trace::{SpanContext, SpanKind, TraceState};
use opentelemetry::{SpanId, TraceFlags, TraceId};

use super::note::{length, piece, take};
use super::span::Head;

/// Of what has always the same size.
const HEAD: usize = 64;

/// Notes a finished span: its attributes are `values` of the call `site`; `rest` is what comes behind them in the span's message.
#[inline]
pub(crate) fn write(
    buf: &mut Vec<u8>,
    span: &Head<'_>,
    site: Option<u16>,
    values: &[u8],
    rest: &[u8],
) {
    let mut head = [0; HEAD];
    head[..16].copy_from_slice(&span.context.trace_id().to_bytes());
    head[16..24].copy_from_slice(&span.context.span_id().to_bytes());
    head[24..32].copy_from_slice(&span.parent.to_bytes());
    head[32..40].copy_from_slice(&span.start.to_ne_bytes());
    head[40..48].copy_from_slice(&span.end.to_ne_bytes());
    head[48] = span.context.trace_flags().to_u8();
    head[49] = span.parent_is_remote.into();
    head[50] = number(span.kind);
    head[51] = site.is_some().into();
    head[52..54].copy_from_slice(&site.unwrap_or_default().to_ne_bytes());
    head[56..60].copy_from_slice(&length(span.name.len()));
    head[60..].copy_from_slice(&length(values.len()));
    buf.extend_from_slice(&head);
    buf.extend_from_slice(span.name);
    buf.extend_from_slice(values);
    let state = span.context.trace_state();
    if rest.is_empty() && *state == TraceState::NONE {
        return;
    }
    buf.extend_from_slice(&length(rest.len()));
    buf.extend_from_slice(rest);
    buf.extend_from_slice(state.header().as_bytes());
}

/// When the span ended; zero for what is no note.
pub(crate) fn time(note: &[u8]) -> u64 {
    note.get(40..)
        .and_then(|mut rest| take(&mut rest))
        .map_or(0, u64::from_ne_bytes)
}

/// A finished span, as its caller left it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpanNote<'a> {
    pub(crate) context: SpanContext,
    pub(crate) parent: SpanId,
    pub(crate) parent_is_remote: bool,
    pub(crate) kind: SpanKind,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: &'a [u8],
    /// The call site that the values are of.
    pub(crate) site: Option<u16>,
    /// The attributes, as [`Values`](super::note::Values).
    pub(crate) values: &'a [u8],
    /// Status, events, links and what was left out, as fields of the span's message.
    pub(crate) rest: &'a [u8],
}

impl<'a> SpanNote<'a> {
    /// None for what is no note.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let trace = TraceId::from_bytes(take(&mut rest)?);
        let span = SpanId::from_bytes(take(&mut rest)?);
        let parent = SpanId::from_bytes(take(&mut rest)?);
        let start = u64::from_ne_bytes(take(&mut rest)?);
        let end = u64::from_ne_bytes(take(&mut rest)?);
        let [flags, parent_is_remote, kind, has_site] = take(&mut rest)?;
        let site = u16::from_ne_bytes(take(&mut rest)?);
        let [_, _] = take(&mut rest)?;
        let len = |bytes: [u8; 4]| usize::try_from(u32::from_ne_bytes(bytes)).ok();
        let name = len(take(&mut rest)?)?;
        let values = len(take(&mut rest)?)?;
        let (name, rest) = rest.split_at_checked(name)?;
        let (values, mut rest) = rest.split_at_checked(values)?;
        let more = piece(&mut rest).unwrap_or_default();
        // Mostly there is none, and that would be parsed as well.
        let state = if rest.is_empty() {
            TraceState::NONE
        } else {
            let state = str::from_utf8(rest).ok()?;
            state.parse().unwrap_or(TraceState::NONE)
        };
        Some(SpanNote {
            context: SpanContext::new(trace, span, TraceFlags::new(flags), false, state),
            parent,
            parent_is_remote: parent_is_remote != 0,
            kind: kind_of(kind),
            start,
            end,
            name,
            site: (has_site != 0).then_some(site),
            values,
            rest: more,
        })
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            context: &self.context,
            parent: self.parent,
            parent_is_remote: self.parent_is_remote,
            name: self.name,
            kind: &self.kind,
            start: self.start,
            end: self.end,
        }
    }
}

fn number(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 0,
        SpanKind::Server => 1,
        SpanKind::Client => 2,
        SpanKind::Producer => 3,
        SpanKind::Consumer => 4,
    }
}

fn kind_of(number: u8) -> SpanKind {
    match number {
        1 => SpanKind::Server,
        2 => SpanKind::Client,
        3 => SpanKind::Producer,
        4 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: SpanKind, state: TraceState, rest: &[u8]) -> SpanNote<'_> {
        SpanNote {
            context: SpanContext::new(
                TraceId::from_bytes([7; 16]),
                SpanId::from_bytes([9; 8]),
                TraceFlags::SAMPLED,
                false,
                state,
            ),
            parent: SpanId::from_bytes([3; 8]),
            parent_is_remote: kind == SpanKind::Server,
            kind,
            start: 1,
            end: u64::MAX,
            name: b"POST /refunds/{cents}",
            site: Some(300),
            values: b"values",
            rest,
        }
    }

    fn write_note(bytes: &mut Vec<u8>, note: &SpanNote<'_>) {
        write(bytes, &note.head(), note.site, note.values, note.rest);
    }

    #[test]
    fn what_was_noted_is_read() {
        let states = [TraceState::NONE, "a=1,b=2".parse().unwrap()];
        for kind in (0..5).map(kind_of) {
            for state in &states {
                for rest in [&b""[..], b"rest"] {
                    let written = note(kind.clone(), state.clone(), rest);
                    let mut bytes = Vec::new();
                    write_note(&mut bytes, &written);
                    assert_eq!(SpanNote::read(&bytes).unwrap(), written);
                }
            }
        }
    }

    #[test]
    fn what_is_cut_short_is_no_note_or_has_less() {
        let written = note(SpanKind::Client, TraceState::NONE, b"rest");
        let mut bytes = Vec::new();
        write_note(&mut bytes, &written);
        for end in 0..bytes.len() {
            let read = SpanNote::read(&bytes[..end]);
            assert!(read.is_none_or(|read| read != written), "{end}");
        }
    }
}
