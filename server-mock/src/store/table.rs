//! Which columns each row fills, in the order in which it encodes them.

use std::borrow::Cow;

use super::native::{Block, Header, Row};
use crate::extract::Pairs;
use crate::record::{Log, Span};
use crate::rows::ErrorRow;

/// A row of a table.
pub(super) trait TableRow {
    /// The table's name.
    const TABLE: &'static str;

    /// Its columns.
    const COLUMNS: &'static [Header];

    /// Fills the columns, in their order.
    fn fill(&self, row: &mut Row<'_>);

    /// Appends the row.
    fn add_to(&self, block: &mut Block) {
        self.fill(&mut block.row(Self::COLUMNS.len()));
    }
}

impl TableRow for Log<'_> {
    const TABLE: &'static str = "logs";
    const COLUMNS: &'static [Header] = &[
        ("Timestamp", "DateTime64(9)"),
        ("UUID", "UUID"),
        ("TraceId", "String"),
        ("SpanId", "String"),
        ("TraceFlags", "UInt32"),
        ("SeverityText", "String"),
        ("SeverityNumber", "Int32"),
        ("ServiceName", "String"),
        ("Body", "String"),
        ("LogAttributes", "Map(String, String)"),
        ("ProjectId", "UInt32"),
        ("SecureSessionId", "String"),
        ("Source", "String"),
        ("ServiceVersion", "String"),
        ("Environment", "String"),
    ];

    fn fill(&self, row: &mut Row<'_>) {
        let fields = &self.fields;
        row.i64(self.timestamp_ns);
        row.uuid(self.uuid);
        row.id(&self.trace_id);
        row.id(&self.span_id);
        row.u32(self.trace_flags);
        row.string(self.severity_text);
        row.i32(self.severity_number);
        row.string(&fields.service_name);
        row.string(&self.body);
        row.map(borrowed(&fields.attributes));
        row.u32(fields.project_id);
        row.string(&fields.session);
        row.string(fields.source);
        row.string(&fields.service_version);
        row.string(&fields.environment);
    }
}

impl TableRow for Span<'_> {
    const TABLE: &'static str = "traces";
    const COLUMNS: &'static [Header] = &[
        ("Timestamp", "DateTime64(9)"),
        ("UUID", "UUID"),
        ("TraceId", "String"),
        ("SpanId", "String"),
        ("ParentSpanId", "String"),
        ("ProjectId", "UInt32"),
        ("SecureSessionId", "String"),
        ("TraceState", "String"),
        ("SpanName", "String"),
        ("SpanKind", "String"),
        ("Duration", "Int64"),
        ("ServiceName", "String"),
        ("ServiceVersion", "String"),
        ("StatusCode", "String"),
        ("StatusMessage", "String"),
        ("Environment", "String"),
        ("HasErrors", "Bool"),
        ("Events.Timestamp", "Array(DateTime64(9))"),
        ("Events.Name", "Array(String)"),
        ("Events.Attributes", "Array(Map(String, String))"),
        ("Links.TraceId", "Array(String)"),
        ("Links.SpanId", "Array(String)"),
        ("Links.TraceState", "Array(String)"),
        ("Links.Attributes", "Array(Map(String, String))"),
        ("TraceAttributes", "Map(String, String)"),
        ("HttpAttributes", "Map(String, String)"),
        ("ProcessAttributes", "Map(String, String)"),
        ("OsAttributes", "Map(String, String)"),
        ("TelemetryAttributes", "Map(String, String)"),
        ("DbAttributes", "Map(String, String)"),
    ];

    fn fill(&self, row: &mut Row<'_>) {
        let fields = &self.fields;
        row.i64(self.timestamp_ns);
        row.uuid(self.uuid);
        row.id(&self.trace_id);
        row.id(&self.span_id);
        row.id(&self.parent_span_id);
        row.u32(fields.project_id);
        row.string(&fields.session);
        row.string(self.trace_state);
        row.string(self.name);
        row.string(self.kind);
        row.i64(self.duration_ns);
        row.string(&fields.service_name);
        row.string(&fields.service_version);
        row.string(self.status_code);
        row.string(self.status_message);
        row.string(&fields.environment);
        row.boolean(self.has_errors);
        row.array(&self.events, |out, event| out.i64(event.timestamp_ns));
        row.array(&self.events, |out, event| out.string(event.name));
        row.array_of_maps(&self.events, |event| borrowed(&event.attributes));
        row.array(&self.links, |out, link| out.id(&link.trace_id));
        row.array(&self.links, |out, link| out.id(&link.span_id));
        row.array(&self.links, |out, link| out.string(link.trace_state));
        row.array_of_maps(&self.links, |link| borrowed(&link.attributes));
        maps(row, &fields.attributes);
    }
}

fn borrowed<'p>(
    pairs: &'p [(Cow<'_, str>, Cow<'_, str>)],
) -> impl Iterator<Item = (&'p str, &'p str)> {
    pairs.iter().map(|(key, value)| (&**key, &**value))
}

/// The prefixes of the attributes that have a map of their own, in the order of those columns.
const PREFIXES: [&str; 5] = ["http.", "process.", "os.", "telemetry.", "db."];

/// The attributes without a map of their own, then each of those maps.
fn maps(row: &mut Row<'_>, pairs: &Pairs<'_>) {
    // Keys are sorted, so those of one prefix stand together.
    let ranges = PREFIXES.map(|prefix| {
        let start = pairs.partition_point(|(key, _)| &**key < prefix);
        let own = pairs[start..]
            .iter()
            .take_while(|(key, _)| key.starts_with(prefix));
        start..start + own.count()
    });
    let others = borrowed(pairs).enumerate();
    let others = others.filter(|(at, _)| !ranges.iter().any(|range| range.contains(at)));
    row.map(others.map(|(_, pair)| pair));
    for range in ranges.clone() {
        row.map(borrowed(&pairs[range]));
    }
}

impl TableRow for ErrorRow {
    const TABLE: &'static str = "errors";
    const COLUMNS: &'static [Header] = &[
        ("Timestamp", "DateTime64(9)"),
        ("UUID", "UUID"),
        ("ProjectId", "UInt32"),
        ("SecureSessionId", "String"),
        ("TraceId", "String"),
        ("SpanId", "String"),
        ("LogUUID", "UUID"),
        ("Type", "String"),
        ("Message", "String"),
        ("Stacktrace", "String"),
        ("Frames", "String"),
        ("Fingerprint", "String"),
        ("Payload", "String"),
        ("ServiceName", "String"),
        ("ServiceVersion", "String"),
        ("Environment", "String"),
        ("Url", "String"),
        ("Source", "String"),
    ];

    fn fill(&self, row: &mut Row<'_>) {
        row.i64(self.timestamp_ns);
        row.uuid(self.uuid);
        row.u32(self.project_id);
        row.string(&self.secure_session_id);
        row.string(&self.trace_id);
        row.string(&self.span_id);
        row.uuid(self.log_uuid);
        row.string(&self.error_type);
        row.string(&self.message);
        row.string(&self.stacktrace);
        row.string(&self.frames);
        row.string(&self.fingerprint);
        row.string(&self.payload);
        row.string(&self.service_name);
        row.string(&self.service_version);
        row.string(&self.environment);
        row.string(&self.url);
        row.string(&self.source);
    }
}
