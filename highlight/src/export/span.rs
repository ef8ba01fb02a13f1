//! A finished OpenTelemetry span as protobuf.

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceState};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::deferred::{Gap, Place};
use super::log_record::{MAX_ATTRIBUTES, unix_nanos};
use super::proto;
use super::value;
use crate::capture::{EXCEPTION, EXCEPTION_CHAIN, EXCEPTION_MESSAGE, STACK};
use crate::hook::Layout;
use crate::scrub::Scrub;
use crate::stacktrace::{RawStack, Stack};

/// Field numbers of `opentelemetry.proto.trace.v1.Span`.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
pub(crate) const ATTRIBUTES: u32 = 9;
const DROPPED_ATTRIBUTES: u32 = 10;
pub(super) const EVENTS: u32 = 11;
const DROPPED_EVENTS: u32 = 12;
const LINKS: u32 = 13;
const DROPPED_LINKS: u32 = 14;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;

/// Field numbers of `Span.Event`.
const EVENT_TIME: u32 = 1;
const EVENT_NAME: u32 = 2;
pub(super) const EVENT_ATTRIBUTES: u32 = 3;
const EVENT_DROPPED: u32 = 4;

/// Field numbers of `Span.Link`.
const LINK_TRACE_STATE: u32 = 3;
const LINK_ATTRIBUTES: u32 = 4;
const LINK_DROPPED: u32 = 5;
const LINK_FLAGS: u32 = 6;

/// Field numbers of `Status`.
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

/// In `flags`: bit 9 tells whether the parent is remote, and bit 8 that bit 9 is known.
const PARENT_KNOWN: u32 = 0x100;
const PARENT_REMOTE: u32 = 0x200;

/// What every span has behind its name, as long in each: where it is, and all of it with zeros for what is a span's own.
const KIND_AT: usize = 1;
const FLAGS_AT: usize = KIND_AT + 1 + 2;
const START_AT: usize = FLAGS_AT + 4 + 1;
const END_AT: usize = START_AT + 8 + 1;
const TRACE_AT: usize = END_AT + 8 + 2;
const SPAN_AT: usize = TRACE_AT + 16 + 2;
const FIXED: [u8; SPAN_AT + 8] = {
    let mut fixed = [0; SPAN_AT + 8];
    [fixed[KIND_AT - 1]] = proto::short_key(KIND, proto::WIRE_VARINT);
    [fixed[FLAGS_AT - 2], fixed[FLAGS_AT - 1]] = proto::long_key(FLAGS, proto::WIRE_FIXED32);
    [fixed[START_AT - 1]] = proto::short_key(START, proto::WIRE_FIXED64);
    [fixed[END_AT - 1]] = proto::short_key(END, proto::WIRE_FIXED64);
    [fixed[TRACE_AT - 2], fixed[TRACE_AT - 1]] = proto::short_header::<16>(TRACE_ID);
    [fixed[SPAN_AT - 2], fixed[SPAN_AT - 1]] = proto::short_header::<8>(SPAN_ID);
    fixed
};

/// Where a hook finds things.
pub(crate) const LAYOUT: Layout = Layout {
    attributes: ATTRIBUTES,
    text: NAME,
    text_is_any: false,
};

/// What every span has.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) context: &'a SpanContext,
    pub(crate) parent: SpanId,
    pub(crate) parent_is_remote: bool,
    pub(crate) name: &'a [u8],
    pub(crate) kind: &'a SpanKind,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Head<'_> {
    /// Writes them. First what is the same for all spans of a kind, and all that is new with each together: what compresses the records
    /// finds the one that this one is like by its beginning, and has less to look for.
    pub(crate) fn write(&self, buf: &mut Vec<u8>) {
        if !self.name.is_empty() {
            proto::bytes_field(buf, NAME, self.name);
        }
        // In one piece: each piece looks whether there is room.
        let mut fixed = FIXED;
        let flags = flags(self.context, self.parent_is_remote);
        fixed[KIND_AT] = kind(self.kind);
        fixed[FLAGS_AT..][..4].copy_from_slice(&flags.to_le_bytes());
        fixed[START_AT..][..8].copy_from_slice(&self.start.to_le_bytes());
        fixed[END_AT..][..8].copy_from_slice(&self.end.to_le_bytes());
        fixed[TRACE_AT..][..16].copy_from_slice(&self.context.trace_id().to_bytes());
        fixed[SPAN_AT..].copy_from_slice(&self.context.span_id().to_bytes());
        buf.extend_from_slice(&fixed);
        if self.parent != SpanId::INVALID {
            proto::bytes_field(buf, PARENT_SPAN_ID, &self.parent.to_bytes());
        }
        trace_state(buf, TRACE_STATE, self.context.trace_state());
    }
}

/// Writes `span`, which the OpenTelemetry SDK recorded. Each event with unresolved stack addresses comes back as a gap, its event not
/// yet written.
pub(crate) fn encode(buf: &mut Vec<u8>, span: &SpanData, scrub: &Scrub) -> Vec<Gap> {
    let head = Head {
        context: &span.span_context,
        parent: span.parent_span_id,
        parent_is_remote: span.parent_span_is_remote,
        name: span.name.as_bytes(),
        kind: &span.span_kind,
        start: unix_nanos(span.start_time),
        end: unix_nanos(span.end_time),
    };
    head.write(buf);
    let over = attributes(buf, ATTRIBUTES, &span.attributes, scrub);
    write_status(buf, &span.status, scrub);
    let mut gaps = Vec::new();
    for event in span.events.iter() {
        gaps.extend(write_event(buf, event, scrub));
    }
    for link in span.links.iter() {
        write_link(buf, link, scrub);
    }
    write_dropped(
        buf,
        span.dropped_attributes_count.saturating_add(over),
        span.events.dropped_count,
        span.links.dropped_count,
    );
    gaps
}

/// Writes how many attributes, events and links are missing.
#[inline]
pub(crate) fn write_dropped(buf: &mut Vec<u8>, attributes: u32, events: u32, links: u32) {
    if attributes | events | links == 0 {
        return;
    }
    proto::uint_field(buf, DROPPED_ATTRIBUTES, u64::from(attributes));
    proto::uint_field(buf, DROPPED_EVENTS, u64::from(events));
    proto::uint_field(buf, DROPPED_LINKS, u64::from(links));
}

fn flags(context: &SpanContext, remote: bool) -> u32 {
    let remote = if remote { PARENT_REMOTE } else { 0 };
    u32::from(context.trace_flags().to_u8()) | PARENT_KNOWN | remote
}

/// Writes attributes up to the limit, the session first; says how many were over it.
fn attributes(buf: &mut Vec<u8>, field: u32, attributes: &[KeyValue], scrub: &Scrub) -> u32 {
    const SESSION: &str = "highlight.session_id";
    let is_session = |pair: &&KeyValue| pair.key.as_str() == SESSION;
    if let Some(session) = attributes.iter().find(is_session) {
        value::attribute(buf, field, SESSION, &session.value, scrub);
    }
    let mut over = 0;
    let others = attributes.iter().filter(|pair| !is_session(pair));
    for (pair, at) in others.zip(0..) {
        if at < MAX_ATTRIBUTES {
            value::attribute(buf, field, pair.key.as_str(), &pair.value, scrub);
        } else {
            over += 1;
        }
    }
    over
}

/// Writes an event, or gives back what it lacks when it has unresolved stack addresses.
pub(crate) fn write_event(buf: &mut Vec<u8>, event: &Event, scrub: &Scrub) -> Option<Gap> {
    let addresses = (event.name == EXCEPTION)
        .then(|| find(&event.attributes, STACK))
        .flatten();
    let start = buf.len();
    proto::fixed64_field(buf, EVENT_TIME, unix_nanos(event.timestamp));
    proto::str_field(buf, EVENT_NAME, &event.name);
    for pair in &event.attributes {
        if pair.key.as_str() != STACK {
            value::attribute(buf, EVENT_ATTRIBUTES, pair.key.as_str(), &pair.value, scrub);
        }
    }
    proto::uint_field(
        buf,
        EVENT_DROPPED,
        u64::from(event.dropped_attributes_count),
    );
    let stack = match addresses {
        Some(Value::Array(Array::I64(addresses))) => {
            let addresses = addresses.iter().map(|address| address.cast_unsigned());
            Stack::Raw(RawStack::from_ips(addresses.collect()))
        }
        Some(Value::String(text)) => Stack::Printed(text.as_str().to_owned()),
        _ => {
            proto::wrap(buf, EVENTS, start);
            return None;
        }
    };
    let message = find(&event.attributes, EXCEPTION_MESSAGE)
        .map(|value| scrub.clean(&value.as_str()).into_owned());
    let chain = match find(&event.attributes, EXCEPTION_CHAIN) {
        Some(Value::Array(Array::String(causes))) => causes
            .iter()
            .map(|cause| scrub.clean(cause.as_str()).into_owned())
            .collect(),
        _ => Vec::new(),
    };
    Some(Gap {
        place: Place::Event {
            bytes: buf.split_off(start),
            field: EVENTS,
            attributes: EVENT_ATTRIBUTES,
        },
        stack,
        message: message.unwrap_or_default(),
        chain,
        located: find(&event.attributes, "code.file.path").is_some(),
    })
}

fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let pair = attributes.iter().find(|pair| pair.key.as_str() == key)?;
    Some(&pair.value)
}

pub(crate) fn write_link(buf: &mut Vec<u8>, link: &Link, scrub: &Scrub) {
    let context = &link.span_context;
    let start = buf.len();
    proto::bytes_field(buf, TRACE_ID, &context.trace_id().to_bytes());
    proto::bytes_field(buf, SPAN_ID, &context.span_id().to_bytes());
    trace_state(buf, LINK_TRACE_STATE, context.trace_state());
    for pair in &link.attributes {
        value::attribute(buf, LINK_ATTRIBUTES, pair.key.as_str(), &pair.value, scrub);
    }
    proto::uint_field(buf, LINK_DROPPED, u64::from(link.dropped_attributes_count));
    proto::fixed32_field(buf, LINK_FLAGS, flags(context, context.is_remote()));
    proto::wrap(buf, LINKS, start);
}

#[inline]
fn trace_state(buf: &mut Vec<u8>, field: u32, state: &TraceState) {
    if *state != TraceState::NONE {
        proto::str_field(buf, field, &state.header());
    }
}

fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

pub(crate) fn write_status(buf: &mut Vec<u8>, status: &Status, scrub: &Scrub) {
    match status {
        Status::Unset => {}
        Status::Ok => {
            let start = buf.len();
            proto::uint_field(buf, STATUS_CODE, 1);
            proto::wrap(buf, STATUS, start);
        }
        Status::Error { description } => write_error(buf, description, scrub),
    }
}

/// Writes the status of a span that failed.
pub(super) fn write_error(buf: &mut Vec<u8>, description: &str, scrub: &Scrub) {
    let start = buf.len();
    let end = description.floor_char_boundary(proto::MAX_ATTRIBUTE_BYTES);
    proto::str_field(buf, STATUS_MESSAGE, &scrub.clean(&description[..end]));
    proto::uint_field(buf, STATUS_CODE, 2);
    proto::wrap(buf, STATUS, start);
}

/// Writes an event that tells of an error, with attributes that are written already; the last ones, of so many bytes, are yet to follow.
pub(super) fn write_exception(
    buf: &mut Vec<u8>,
    time: u64,
    attributes: [&[u8]; 2],
    following: usize,
) {
    let [some, more] = attributes;
    let length = EXCEPTION_HEAD.len() + some.len() + more.len() + following;
    proto::len_header(buf, EVENTS, length);
    begin_exception(buf, time);
    buf.extend_from_slice(some);
    buf.extend_from_slice(more);
}

/// Begins an event that tells of an error; says where it begins.
pub(super) fn begin_exception(buf: &mut Vec<u8>, time: u64) -> usize {
    let start = buf.len();
    let mut head = EXCEPTION_HEAD;
    head[1..][..8].copy_from_slice(&time.to_le_bytes());
    buf.extend_from_slice(&head);
    start
}

/// Time and name of an event that tells of an error, with zeros for its time.
const EXCEPTION_HEAD: [u8; 1 + 8 + 2 + EXCEPTION.len()] = {
    let mut head = [0; 1 + 8 + 2 + EXCEPTION.len()];
    [head[0]] = proto::short_key(EVENT_TIME, proto::WIRE_FIXED64);
    [head[9], head[10]] = proto::short_header::<{ EXCEPTION.len() }>(EVENT_NAME);
    let (_, name) = head.split_at_mut(11);
    name.copy_from_slice(EXCEPTION.as_bytes());
    head
};
