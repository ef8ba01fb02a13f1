//! OTLP requests as an SDK makes them, encoded before anything is measured.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::Load;

/// How many records there are to send.
pub const ROWS: usize = 240_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Logs,
    Spans,
}

impl Signal {
    pub fn name(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Spans => "spans",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Signal::Logs => "/v1/logs",
            Signal::Spans => "/v1/traces",
        }
    }

    pub fn table(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Spans => "traces",
        }
    }
}

/// Requests of equal size, `ROWS` records together.
pub struct Requests {
    pub signal: Signal,
    pub records: usize,
    pub gzip: bool,
    pub bodies: Vec<Vec<u8>>,
}

impl Requests {
    pub fn new(signal: Signal, records: usize, gzip: bool) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is past 1970");
        let start = u64::try_from(now.as_nanos()).expect("the clock is before 2554");
        let body = |at: usize| {
            let of = Of {
                start,
                first: at * records,
                records,
            };
            let body = match signal {
                Signal::Logs => of.logs().encode_to_vec(),
                Signal::Spans => of.spans().encode_to_vec(),
            };
            if gzip { compress(&body) } else { body }
        };
        let bodies = (0..ROWS / records).map(body).collect();
        Self {
            signal,
            records,
            gzip,
            bodies,
        }
    }

    /// Whether these are what a load sends.
    pub fn fit(&self, load: &Load) -> bool {
        (self.signal, self.records, self.gzip) == (load.signal, load.records, load.gzip)
    }
}

/// The records of one request.
struct Of {
    start: u64,
    first: usize,
    records: usize,
}

impl Of {
    fn numbers(&self) -> std::ops::Range<u64> {
        let first = self.first as u64;
        first..first + self.records as u64
    }

    fn logs(&self) -> ExportLogsServiceRequest {
        let log_records = self
            .numbers()
            .map(|number| log(number, self.start + number * 1_000))
            .collect();
        let scope_logs = vec![ScopeLogs {
            scope: scope(),
            log_records,
            ..Default::default()
        }];
        let resource_logs = vec![ResourceLogs {
            resource: resource(),
            scope_logs,
            ..Default::default()
        }];
        ExportLogsServiceRequest { resource_logs }
    }

    fn spans(&self) -> ExportTraceServiceRequest {
        let spans = self
            .numbers()
            .map(|number| span(number, self.start + number * 1_000))
            .collect();
        let scope_spans = vec![ScopeSpans {
            scope: scope(),
            spans,
            ..Default::default()
        }];
        let resource_spans = vec![ResourceSpans {
            resource: resource(),
            scope_spans,
            ..Default::default()
        }];
        ExportTraceServiceRequest { resource_spans }
    }
}

fn log(number: u64, time: u64) -> LogRecord {
    let mut attributes = common(number);
    attributes.extend([
        text("code.file.path", "src/orders/checkout.rs"),
        int("code.line.number", 40 + number % 60),
        text("code.function.name", "checkout::orders::place"),
    ]);
    let body = format!(
        "order {number} of cart {:016x} was placed in {} ms after {} retries; the payment went through gateway \
         eu-{} with reference {:016x} and the confirmation was queued for the customer's address",
        mixed(number),
        number % 900,
        number % 4,
        number % 7,
        mixed(!number)
    );
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: 9,
        severity_text: if number.is_multiple_of(50) {
            "WARN"
        } else {
            "INFO"
        }
        .to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(body)),
        }),
        attributes,
        flags: 1,
        trace_id: trace_id(number),
        span_id: mixed(number ^ 0x5a5a).to_be_bytes().to_vec(),
        ..Default::default()
    }
}

fn span(number: u64, time: u64) -> Span {
    let mut attributes = common(number);
    attributes.extend([
        text("url.path", &format!("/orders/{number}")),
        text("server.address", "shop.example.com"),
        text("network.protocol.version", "1.1"),
    ]);
    Span {
        trace_id: trace_id(number),
        span_id: mixed(number ^ 0x5a5a).to_be_bytes().to_vec(),
        parent_span_id: mixed(number ^ 0xa5a5).to_be_bytes().to_vec(),
        name: "POST /orders/{id}".to_owned(),
        kind: 2,
        start_time_unix_nano: time,
        end_time_unix_nano: time + 1_000_000 + mixed(number) % 50_000_000,
        attributes,
        flags: 1,
        ..Default::default()
    }
}

/// What logs and spans both carry: a session, and five more.
fn common(number: u64) -> Vec<KeyValue> {
    vec![
        text(
            "highlight.session_id",
            &format!("{:028}", mixed(number / 1_000)),
        ),
        text("http.request.method", "POST"),
        text("http.route", "/orders/{id}"),
        int(
            "http.response.status_code",
            if number.is_multiple_of(100) { 500 } else { 200 },
        ),
        text("user.id", &format!("user-{}", mixed(number) % 20_000)),
        text(
            "thread.name",
            ["worker-0", "worker-1", "worker-2", "worker-3"][number as usize % 4],
        ),
    ]
}

fn resource() -> Option<Resource> {
    let attributes = [
        ("highlight.project_id", "1jdkoe52"),
        ("service.name", "checkout"),
        (
            "service.version",
            "0f3c2b1a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a",
        ),
        ("deployment.environment", "production"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.version", "0.33.1"),
        ("host.name", "checkout-6d5f8c7b9-x2x7q"),
    ];
    let attributes = attributes.map(|(key, value)| text(key, value)).to_vec();
    Some(Resource {
        attributes,
        ..Default::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "checkout".to_owned(),
        ..Default::default()
    })
}

/// Twenty records share a trace.
fn trace_id(number: u64) -> Vec<u8> {
    let trace = number / 20;
    [mixed(trace).to_be_bytes(), mixed(!trace).to_be_bytes()].concat()
}

/// Looks random, and is another for every number (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(value.cast_signed()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

/// As the SDK does: the fastest level.
fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}
