//! Which columns each row fills, in the order in which it encodes them.

use super::row_binary::RowBinary;
use crate::rows::{Attributes, ErrorRow, LogRow, SpanRow};

/// A row of a table.
pub(super) trait TableRow {
    /// `INSERT INTO` the table and its columns.
    const INSERT: &'static str;

    /// Appends the row's values, in the order of the columns.
    fn encode(&self, out: &mut RowBinary);
}

/// All rows, encoded.
pub(super) fn encode<T: TableRow>(rows: &[T]) -> Vec<u8> {
    let mut out = RowBinary::default();
    for row in rows {
        row.encode(&mut out);
    }
    out.into_bytes()
}

impl TableRow for LogRow {
    const INSERT: &str = "INSERT INTO logs (Timestamp, UUID, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, \
        ServiceName, Body, LogAttributes, ProjectId, SecureSessionId, Source, ServiceVersion, Environment)";

    fn encode(&self, out: &mut RowBinary) {
        out.i64(self.timestamp_ns);
        out.uuid(self.uuid);
        out.string(&self.trace_id);
        out.string(&self.span_id);
        out.u32(self.trace_flags);
        out.string(&self.severity_text);
        out.i32(self.severity_number);
        out.string(&self.service_name);
        out.string(&self.body);
        out.map(&self.attributes);
        out.u32(self.project_id);
        out.string(&self.secure_session_id);
        out.string(&self.source);
        out.string(&self.service_version);
        out.string(&self.environment);
    }
}

/// The prefixes of the attributes that have a map of their own, in the order of those columns.
const MAPS: [&str; 5] = ["http.", "process.", "os.", "telemetry.", "db."];

impl TableRow for SpanRow {
    const INSERT: &str = "INSERT INTO traces (Timestamp, UUID, TraceId, SpanId, ParentSpanId, ProjectId, SecureSessionId, \
        TraceState, SpanName, SpanKind, Duration, ServiceName, ServiceVersion, StatusCode, StatusMessage, Environment, \
        HasErrors, `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, \
        `Links.TraceState`, `Links.Attributes`, TraceAttributes, HttpAttributes, ProcessAttributes, OsAttributes, \
        TelemetryAttributes, DbAttributes)";

    fn encode(&self, out: &mut RowBinary) {
        out.i64(self.timestamp_ns);
        out.uuid(self.uuid);
        out.string(&self.trace_id);
        out.string(&self.span_id);
        out.string(&self.parent_span_id);
        out.u32(self.project_id);
        out.string(&self.secure_session_id);
        out.string(&self.trace_state);
        out.string(&self.name);
        out.string(&self.kind);
        out.i64(self.duration_ns);
        out.string(&self.service_name);
        out.string(&self.service_version);
        out.string(&self.status_code);
        out.string(&self.status_message);
        out.string(&self.environment);
        out.boolean(self.has_errors);
        out.list(&self.events, |out, event| out.i64(event.timestamp_ns));
        out.list(&self.events, |out, event| out.string(&event.name));
        out.list(&self.events, |out, event| out.map(&event.attributes));
        out.list(&self.links, |out, link| out.string(&link.trace_id));
        out.list(&self.links, |out, link| out.string(&link.span_id));
        out.list(&self.links, |out, link| out.string(&link.trace_state));
        out.list(&self.links, |out, link| out.map(&link.attributes));
        out.map(
            self.attributes
                .iter()
                .filter(|(key, _)| !MAPS.iter().any(|prefix| key.starts_with(prefix))),
        );
        for prefix in MAPS {
            out.map(with_prefix(&self.attributes, prefix));
        }
    }
}

fn with_prefix<'a>(
    attributes: &'a Attributes,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    attributes
        .iter()
        .filter(move |(key, _)| key.starts_with(prefix))
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
