//! Which columns each row fills, in the order in which it encodes them.

use super::row_binary::RowBinary;
use crate::extract::Pairs;
use crate::record::{Log, Span};
use crate::rows::ErrorRow;

/// A row of a table.
pub(super) trait TableRow {
    /// `INSERT INTO` the table and its columns.
    const INSERT: &'static str;

    /// Appends the row's values, in the order of the columns.
    fn encode(&self, out: &mut RowBinary);
}

impl TableRow for Log<'_> {
    const INSERT: &'static str = "INSERT INTO logs (Timestamp, UUID, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, \
        ServiceName, Body, LogAttributes, ProjectId, SecureSessionId, Source, ServiceVersion, Environment)";

    fn encode(&self, out: &mut RowBinary) {
        let fields = &self.fields;
        out.i64(self.timestamp_ns);
        out.uuid(self.uuid);
        out.id(&self.trace_id);
        out.id(&self.span_id);
        out.u32(self.trace_flags);
        out.string(self.severity_text);
        out.i32(self.severity_number);
        out.string(&fields.service_name);
        out.string(&self.body);
        map(out, &fields.attributes);
        out.u32(fields.project_id);
        out.string(&fields.session);
        out.string(fields.source);
        out.string(&fields.service_version);
        out.string(&fields.environment);
    }
}

impl TableRow for Span<'_> {
    const INSERT: &'static str = "INSERT INTO traces (Timestamp, UUID, TraceId, SpanId, ParentSpanId, ProjectId, SecureSessionId, \
        TraceState, SpanName, SpanKind, Duration, ServiceName, ServiceVersion, StatusCode, StatusMessage, Environment, \
        HasErrors, `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, \
        `Links.TraceState`, `Links.Attributes`, TraceAttributes, HttpAttributes, ProcessAttributes, OsAttributes, \
        TelemetryAttributes, DbAttributes)";

    fn encode(&self, out: &mut RowBinary) {
        let fields = &self.fields;
        out.i64(self.timestamp_ns);
        out.uuid(self.uuid);
        out.id(&self.trace_id);
        out.id(&self.span_id);
        out.id(&self.parent_span_id);
        out.u32(fields.project_id);
        out.string(&fields.session);
        out.string(self.trace_state);
        out.string(self.name);
        out.string(self.kind);
        out.i64(self.duration_ns);
        out.string(&fields.service_name);
        out.string(&fields.service_version);
        out.string(self.status_code);
        out.string(self.status_message);
        out.string(&fields.environment);
        out.boolean(self.has_errors);
        out.list(&self.events, |out, event| out.i64(event.timestamp_ns));
        out.list(&self.events, |out, event| out.string(event.name));
        out.list(&self.events, |out, event| map(out, &event.attributes));
        out.list(&self.links, |out, link| out.id(&link.trace_id));
        out.list(&self.links, |out, link| out.id(&link.span_id));
        out.list(&self.links, |out, link| out.string(link.trace_state));
        out.list(&self.links, |out, link| map(out, &link.attributes));
        maps(out, &fields.attributes);
    }
}

fn map(out: &mut RowBinary, pairs: &Pairs<'_>) {
    out.map(pairs.iter().map(|(key, value)| (key, value)));
}

/// The prefixes of the attributes that have a map of their own, in the order of those columns.
const PREFIXES: [&str; 5] = ["http.", "process.", "os.", "telemetry.", "db."];

/// The attributes without a map of their own, then each of those maps.
fn maps(out: &mut RowBinary, pairs: &Pairs<'_>) {
    // Keys are sorted, so those of one prefix stand together.
    let ranges = PREFIXES.map(|prefix| {
        let start = pairs.partition_point(|(key, _)| &**key < prefix);
        let own = pairs[start..]
            .iter()
            .take_while(|(key, _)| key.starts_with(prefix));
        start..start + own.count()
    });
    let apart = |at| ranges.iter().any(|range| range.contains(&at));
    let others = pairs.iter().enumerate().filter(|(at, _)| !apart(*at));
    let count = pairs.len() - ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
    out.pairs(count, others.map(|(_, (key, value))| (key, value)));
    for range in ranges {
        out.map(pairs[range].iter().map(|(key, value)| (key, value)));
    }
}

impl TableRow for ErrorRow {
    const INSERT: &str = "INSERT INTO errors (Timestamp, UUID, ProjectId, SecureSessionId, TraceId, SpanId, LogUUID, Type, \
        Message, Stacktrace, Frames, Fingerprint, Payload, ServiceName, ServiceVersion, Environment, Url, Source)";

    fn encode(&self, out: &mut RowBinary) {
        out.i64(self.timestamp_ns);
        out.uuid(self.uuid);
        out.u32(self.project_id);
        out.string(&self.secure_session_id);
        out.string(&self.trace_id);
        out.string(&self.span_id);
        out.uuid(self.log_uuid);
        out.string(&self.error_type);
        out.string(&self.message);
        out.string(&self.stacktrace);
        out.string(&self.frames);
        out.string(&self.fingerprint);
        out.string(&self.payload);
        out.string(&self.service_name);
        out.string(&self.service_version);
        out.string(&self.environment);
        out.string(&self.url);
        out.string(&self.source);
    }
}
