//! The rows a request turns into, as plain data: what tests look at and what `ClickHouse` stores.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Attributes by flattened key, as the backend stores them.
pub type Attributes = BTreeMap<String, String>;

/// One row of table `logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRow {
    /// When it happened, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The row's own id; a row of `errors` names it.
    pub uuid: Uuid,
    /// 32 hex digits, or empty outside a trace.
    pub trace_id: String,
    /// 16 hex digits, or empty outside a span.
    pub span_id: String,
    /// The W3C trace flags.
    pub trace_flags: u32,
    /// `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub severity_text: String,
    /// The OpenTelemetry number of `severity_text`.
    pub severity_number: i32,
    /// `service.name`.
    pub service_name: String,
    /// The message.
    pub body: String,
    /// What is left after the consumed keys.
    pub attributes: Attributes,
    /// The project it belongs to.
    pub project_id: u32,
    /// `highlight.session_id`, or empty.
    pub secure_session_id: String,
    /// `frontend` or `backend`.
    pub source: String,
    /// `service.version`.
    pub service_version: String,
    /// `deployment.environment`.
    pub environment: String,
}

/// One row of table `traces`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanRow {
    /// When it started, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The row's own id.
    pub uuid: Uuid,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits, or empty for a root span.
    pub parent_span_id: String,
    /// The W3C trace state.
    pub trace_state: String,
    /// The project it belongs to.
    pub project_id: u32,
    /// `highlight.session_id`, or empty.
    pub secure_session_id: String,
    /// The span's name.
    pub name: String,
    /// `Unspecified`, `Internal`, `Server`, `Client`, `Producer` or `Consumer`.
    pub kind: String,
    /// How long it took, in nanoseconds.
    pub duration_ns: i64,
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub service_version: String,
    /// `deployment.environment`.
    pub environment: String,
    /// `Unset`, `Ok` or `Error`.
    pub status_code: String,
    /// The status's message, or empty.
    pub status_message: String,
    /// What is left after the consumed keys.
    pub attributes: Attributes,
    /// The events that stay with the span: all but `log` and `metric` events.
    pub events: Vec<SpanEvent>,
    /// Links to other spans.
    pub links: Vec<SpanLink>,
    /// Whether the span has an `exception` event with a message.
    pub has_errors: bool,
}

/// An event of a span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanEvent {
    /// When it happened, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The event's name.
    pub name: String,
    /// The event's own attributes.
    pub attributes: Attributes,
}

/// A link from a span to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanLink {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// The W3C trace state.
    pub trace_state: String,
    /// The link's own attributes.
    pub attributes: Attributes,
}

/// One row of table `errors`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorRow {
    /// When it happened, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The row's own id.
    pub uuid: Uuid,
    /// The project it belongs to.
    pub project_id: u32,
    /// `highlight.session_id`, or empty.
    pub secure_session_id: String,
    /// 32 hex digits, or empty outside a trace.
    pub trace_id: String,
    /// 16 hex digits, or empty outside a span.
    pub span_id: String,
    /// The log row that tells of the same error.
    pub log_uuid: Uuid,
    /// `exception.type`.
    pub error_type: String,
    /// `exception.message`, or the log's body where it has none.
    pub message: String,
    /// `exception.stacktrace`, as sent.
    pub stacktrace: String,
    /// JSON array of frames, innermost first: `functionName`, `fileName`, `lineNumber`, and what the sender added.
    pub frames: String,
    /// What groups errors: a hash of the message and the first in-app frames.
    pub fingerprint: String,
    /// JSON object of the other attributes.
    pub payload: String,
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub service_version: String,
    /// `deployment.environment`.
    pub environment: String,
    /// Attribute `URL`, or empty.
    pub url: String,
    /// `frontend` or `backend`.
    pub source: String,
}

/// One data point: a row of table `metrics_sum`, `metrics_histogram` or `metrics_summary`, whichever fits its value.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// The project it belongs to.
    pub project_id: u32,
    /// `service.name`.
    pub service_name: String,
    /// The metric's name.
    pub name: String,
    /// The metric's description, or empty.
    pub description: String,
    /// The metric's unit, or empty.
    pub unit: String,
    /// What is left after the consumed keys.
    pub attributes: Attributes,
    /// When the interval began, in nanoseconds since 1970; 0 when it is not known.
    pub start_timestamp_ns: i64,
    /// When the interval ended, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// The OTLP flags.
    pub flags: u32,
    /// Measurements that stand for the others. A point with a session of its own has at least one.
    pub exemplars: Vec<Exemplar>,
    /// What was measured.
    pub value: MetricValue,
}

/// What a data point says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// The latest value.
    Gauge(f64),
    /// A sum.
    Sum {
        /// The sum.
        value: f64,
        /// Since when.
        temporality: Temporality,
        /// Whether it only grows.
        is_monotonic: bool,
    },
    /// A distribution by buckets. An exponential one has its buckets' bounds worked out.
    Histogram {
        /// How many values.
        count: u64,
        /// Their sum.
        sum: f64,
        /// How many in each bucket: one more than there are bounds, or none.
        bucket_counts: Vec<u64>,
        /// The upper bounds of the buckets.
        explicit_bounds: Vec<f64>,
        /// The smallest value, or 0 when it was not sent.
        min: f64,
        /// The largest value, or 0 when it was not sent.
        max: f64,
        /// Since when.
        temporality: Temporality,
        /// Whether it came in as an exponential histogram.
        was_exponential: bool,
    },
    /// A distribution by quantiles.
    Summary {
        /// How many values.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Pairs of a quantile and its value.
        quantiles: Vec<(f64, f64)>,
    },
}

/// Since when a sum or a histogram counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporality {
    /// It was not said.
    #[default]
    Unspecified,
    /// Since the last point of the series.
    Delta,
    /// Since the start of the series.
    Cumulative,
}

/// A measurement that stands for a series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exemplar {
    /// What the series does not have, after the consumed keys.
    pub attributes: Attributes,
    /// When it was measured, in nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// What was measured.
    pub value: f64,
    /// 16 hex digits, or empty outside a span.
    pub span_id: String,
    /// 32 hex digits, or empty outside a trace.
    pub trace_id: String,
    /// `highlight.session_id` of the exemplar, or else of its point, or empty.
    pub secure_session_id: String,
}

/// The rows of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) logs: Vec<LogRow>,
    pub(crate) spans: Vec<SpanRow>,
    pub(crate) errors: Vec<ErrorRow>,
    pub(crate) metrics: Vec<MetricRow>,
}
