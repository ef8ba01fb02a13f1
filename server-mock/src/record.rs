//! Log records and spans as they were understood, still borrowing from their request: what is encoded for
//! `ClickHouse`, and what an owned row is made of when a test wants to look at it.

use std::borrow::Cow;

use uuid::Uuid;

use crate::extract::{Fields, Id, Pairs};
use crate::rows::{Attributes, LogRow, SpanEvent, SpanLink, SpanRow};

/// A row of `logs`.
#[derive(Debug, Default)]
pub(crate) struct Log<'a> {
    pub(crate) timestamp_ns: i64,
    pub(crate) uuid: Uuid,
    pub(crate) trace_id: Id<'a>,
    pub(crate) span_id: Id<'a>,
    pub(crate) trace_flags: u32,
    pub(crate) severity_text: &'static str,
    pub(crate) severity_number: i32,
    pub(crate) body: Cow<'a, str>,
    pub(crate) fields: Fields<'a>,
}

/// A row of `traces`.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "OTLP calls it the span id")]
pub(crate) struct Span<'a> {
    pub(crate) timestamp_ns: i64,
    pub(crate) uuid: Uuid,
    pub(crate) trace_id: Id<'a>,
    pub(crate) span_id: Id<'a>,
    pub(crate) parent_span_id: Id<'a>,
    pub(crate) trace_state: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) duration_ns: i64,
    pub(crate) status_code: &'static str,
    pub(crate) status_message: &'a str,
    pub(crate) events: Vec<Event<'a>>,
    pub(crate) links: Vec<Link<'a>>,
    pub(crate) has_errors: bool,
    pub(crate) fields: Fields<'a>,
}

/// An event that stays with its span.
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    pub(crate) timestamp_ns: i64,
    pub(crate) name: &'a str,
    pub(crate) attributes: Pairs<'a>,
}

/// A link from a span to another.
#[derive(Debug, Default)]
pub(crate) struct Link<'a> {
    pub(crate) trace_id: Id<'a>,
    pub(crate) span_id: Id<'a>,
    pub(crate) trace_state: &'a str,
    pub(crate) attributes: Pairs<'a>,
}

/// Pairs of their own.
pub(crate) fn owned(pairs: &Pairs<'_>) -> Attributes {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

impl Log<'_> {
    pub(crate) fn to_row(&self) -> LogRow {
        let fields = &self.fields;
        LogRow {
            timestamp_ns: self.timestamp_ns,
            uuid: self.uuid,
            trace_id: self.trace_id.to_string(),
            span_id: self.span_id.to_string(),
            trace_flags: self.trace_flags,
            severity_text: self.severity_text.to_owned(),
            severity_number: self.severity_number,
            service_name: fields.service_name.to_string(),
            body: self.body.to_string(),
            attributes: owned(&fields.attributes),
            project_id: fields.project_id,
            secure_session_id: fields.session.to_string(),
            source: fields.source.to_owned(),
            service_version: fields.service_version.to_string(),
            environment: fields.environment.to_string(),
        }
    }
}

impl Span<'_> {
    pub(crate) fn to_row(&self) -> SpanRow {
        let fields = &self.fields;
        SpanRow {
            timestamp_ns: self.timestamp_ns,
            uuid: self.uuid,
            trace_id: self.trace_id.to_string(),
            span_id: self.span_id.to_string(),
            parent_span_id: self.parent_span_id.to_string(),
            trace_state: self.trace_state.to_owned(),
            project_id: fields.project_id,
            secure_session_id: fields.session.to_string(),
            name: self.name.to_owned(),
            kind: self.kind.to_owned(),
            duration_ns: self.duration_ns,
            service_name: fields.service_name.to_string(),
            service_version: fields.service_version.to_string(),
            environment: fields.environment.to_string(),
            status_code: self.status_code.to_owned(),
            status_message: self.status_message.to_owned(),
            attributes: owned(&fields.attributes),
            events: self.events.iter().map(Event::to_row).collect(),
            links: self.links.iter().map(Link::to_row).collect(),
            has_errors: self.has_errors,
        }
    }
}

impl Event<'_> {
    fn to_row(&self) -> SpanEvent {
        SpanEvent {
            timestamp_ns: self.timestamp_ns,
            name: self.name.to_owned(),
            attributes: owned(&self.attributes),
        }
    }
}

impl Link<'_> {
    fn to_row(&self) -> SpanLink {
        SpanLink {
            trace_id: self.trace_id.to_string(),
            span_id: self.span_id.to_string(),
            trace_state: self.trace_state.to_owned(),
            attributes: owned(&self.attributes),
        }
    }
}
