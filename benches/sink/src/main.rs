//! Takes what any of the peers sends, decodes it and counts: the receiving end of the benchmarks.
//!
//! It prints its address. `GET /counts` tells what came in, as JSON: records by kind, requests and bytes on the wire; apart from the
//! harness's, log records that a peer made of its own sending.

mod metrics;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;

use metrics::Measurements;

/// What the log records of the harness and the services say.
const MESSAGES: [&str; 2] = ["order placed", "card declined"];

#[derive(Default)]
struct Counts {
    logs: AtomicU64,
    others: AtomicU64,
    spans: AtomicU64,
    errors: AtomicU64,
    /// Errors that came with the stack of their place.
    stacks: AtomicU64,
    measurements: Measurements,
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new()
        .route("/counts", get(counts))
        .fallback(take)
        .layer(DefaultBodyLimit::max(256 << 20))
        .with_state(Arc::<Counts>::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener, app)
        .await
        .expect("it serves until it is killed");
}

async fn counts(State(counts): State<Arc<Counts>>) -> String {
    serde_json::json!({
        "logs": counts.logs.load(Relaxed),
        "others": counts.others.load(Relaxed),
        "spans": counts.spans.load(Relaxed),
        "errors": counts.errors.load(Relaxed),
        "stacks": counts.stacks.load(Relaxed),
        "measurements": counts.measurements.total(),
        "requests": counts.requests.load(Relaxed),
        "bytes": counts.bytes.load(Relaxed),
    })
    .to_string()
}

async fn take(
    State(counts): State<Arc<Counts>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    counts.requests.fetch_add(1, Relaxed);
    counts.bytes.fetch_add(body.len() as u64, Relaxed);
    let body = plain(&headers, &body).ok_or(StatusCode::BAD_REQUEST)?;
    let path = uri.path();
    let read = if path.ends_with("/v1/logs") {
        logs(&counts, &body)
    } else if path.ends_with("/v1/traces") {
        traces(&counts, &body)
    } else if path.ends_with("/v1/metrics") {
        counts.measurements.take(&body)
    } else if path.ends_with("/envelope/") {
        envelope(&counts, &body)
    } else {
        return Err(StatusCode::NOT_FOUND);
    };
    read.map(|()| "").ok_or(StatusCode::BAD_REQUEST)
}

fn plain(headers: &HeaderMap, body: &Bytes) -> Option<Vec<u8>> {
    let encoding = headers
        .get("content-encoding")
        .map(|value| value.as_bytes());
    if encoding != Some(b"gzip") {
        return Some(body.to_vec());
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&body[..])
        .read_to_end(&mut plain)
        .ok()?;
    Some(plain)
}

fn logs(counts: &Counts, body: &[u8]) -> Option<()> {
    let request = ExportLogsServiceRequest::decode(body).ok()?;
    for record in request
        .resource_logs
        .iter()
        .flat_map(|group| &group.scope_logs)
        .flat_map(|scope| &scope.log_records)
    {
        if !is_of_the_harness(record) {
            counts.others.fetch_add(1, Relaxed);
            continue;
        }
        counts.logs.fetch_add(1, Relaxed);
        // The second is how logfire's event carries it.
        let is_error = record
            .attributes
            .iter()
            .any(|pair| matches!(pair.key.as_str(), "exception.message" | "error"));
        counts.errors.fetch_add(u64::from(is_error), Relaxed);
    }
    Some(())
}

/// By its text, which all loads share. Whoever captures what its own HTTP client logs sends more.
fn is_of_the_harness(record: &LogRecord) -> bool {
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    matches!(body, Some(any_value::Value::StringValue(text)) if MESSAGES.contains(&text.as_str()))
}

fn traces(counts: &Counts, body: &[u8]) -> Option<()> {
    let request = ExportTraceServiceRequest::decode(body).ok()?;
    for span in request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans)
        .flat_map(|scope| &scope.spans)
    {
        counts.spans.fetch_add(1, Relaxed);
        for event in span.events.iter().filter(|event| event.name == "exception") {
            counts.errors.fetch_add(1, Relaxed);
            let mut attributes = event.attributes.iter();
            let has_stack = attributes.any(|pair| pair.key == "exception.stacktrace");
            counts.stacks.fetch_add(u64::from(has_stack), Relaxed);
        }
    }
    Some(())
}

/// Sentry's format: a header line, then for each item a header line and a payload.
fn envelope(counts: &Counts, body: &[u8]) -> Option<()> {
    let mut rest = after_line(body)?.1;
    while !rest.is_empty() {
        let (head, payload) = after_line(rest)?;
        let head: serde_json::Value = serde_json::from_slice(head).ok()?;
        let length = match head["length"].as_u64() {
            Some(length) => usize::try_from(length).ok()?,
            None => payload
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(payload.len()),
        };
        let item = payload.get(..length)?;
        match head["type"].as_str()? {
            "event" => {
                counts.errors.fetch_add(1, Relaxed);
                // On the exception or on its thread.
                let has_stack = String::from_utf8_lossy(item).contains(r#""stacktrace":{"#);
                counts.stacks.fetch_add(u64::from(has_stack), Relaxed);
            }
            "trace_metric" => counts
                .measurements
                .add(head["item_count"].as_u64().unwrap_or(1)),
            "log" => drop(
                counts
                    .logs
                    .fetch_add(head["item_count"].as_u64().unwrap_or(1), Relaxed),
            ),
            "transaction" => {
                let item: serde_json::Value = serde_json::from_slice(item).ok()?;
                let children = item["spans"].as_array().map_or(0, Vec::len) as u64;
                counts.spans.fetch_add(1 + children, Relaxed);
            }
            _ => {}
        }
        rest = payload.get(length..)?;
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    Some(())
}

fn after_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    Some((line, rest.get(1..).unwrap_or_default()))
}
