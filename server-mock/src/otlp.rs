//! The OTLP/HTTP endpoints: read, extract, store, and only then acknowledge.

use std::collections::BTreeMap;
use std::panic;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::{Semaphore, watch};
use tokio::task;

use crate::body::{self, Refusal};
use crate::connection::Abort;
use crate::extract::{Arrival, Extracted, RequestId, RowIds, flatten, now_ns};
use crate::received::{Recorder, RequestInfo};
use crate::rows::Rows;
use crate::script::{Answer, Script};
use crate::signal::Signal;
use crate::store::{Coming, Encoded, Store, Tables};

/// How long a sender is asked to wait when a request could not be stored, in seconds.
const RETRY_AFTER: u64 = 1;

/// What every request sees.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) script: Arc<Script>,
    pub(crate) store: Store,
    /// One turn for each processor: extracting is all computing, and would hold up those who wait for the network or the engine.
    pub(crate) extracting: Arc<Semaphore>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The routes of the OTLP address.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new().route("/health", get(async || "ok\n"));
    for prefix in ["", "/otel"] {
        router = router
            .route(
                &format!("{prefix}/v1/logs"),
                post(export::<ExportLogsServiceRequest>),
            )
            .route(
                &format!("{prefix}/v1/traces"),
                post(export::<ExportTraceServiceRequest>),
            )
            .route(
                &format!("{prefix}/v1/metrics"),
                post(export::<ExportMetricsServiceRequest>),
            );
    }
    router.with_state(app)
}

async fn export<S: Signal>(State(mut app): State<App>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut info = RequestInfo {
        path: head.uri.path().to_owned(),
        headers: names_and_values(&head.headers),
        ..RequestInfo::default()
    };
    let answer = app.script.next();
    match answer {
        Some(Answer::Hang | Answer::Reset) => {
            app.recorder.record(|received| received.requests.push(info));
            if answer == Some(Answer::Hang) {
                let _ = app.stopping.wait_for(|stopping| *stopping).await;
            }
            return Abort::response();
        }
        Some(Answer::Delay(delay)) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let coming = app.store.announce();
    let response = match read::<S>(&app, head, body, &mut info).await {
        Ok(read) => acknowledge(&app, read, coming, answer, &mut info).await,
        Err(refusal) => Err(refusal),
    };
    let response = response.unwrap_or_else(refuse);
    if info.status == 0 {
        info.status = response.status().as_u16();
        app.recorder.record(|received| received.requests.push(info));
    }
    response
}

/// What a request's body says.
struct Read<S> {
    extracted: Extracted,
    /// The request itself, when it is kept.
    message: Option<S>,
    /// The request's name over retries.
    request: Option<RequestId>,
    /// The rows to be stored.
    rows: Option<Encoded>,
}

/// Reads the body, and its records.
async fn read<S: Signal>(
    app: &App,
    head: Parts,
    body: Body,
    info: &mut RequestInfo,
) -> Result<Read<S>, Refusal> {
    let content_type = head
        .headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if !content_type.starts_with(b"application/x-protobuf") {
        let found = String::from_utf8_lossy(content_type);
        let reason = format!("content-type {found:?} is not supported: use application/x-protobuf");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let wire = body::read(body).await?;
    info.wire_bytes = wire.len();
    let turn = app.extracting.clone().acquire_owned().await;
    let app = app.clone();
    let extracting = task::spawn_blocking(move || {
        let _turn = turn;
        let decoded = body::decompress(&head.headers, wire)?;
        Ok((decoded.len(), extract::<S>(&app, &head, &decoded)?))
    });
    let (decoded_bytes, read) = extracting
        .await
        .unwrap_or_else(|error| panic::resume_unwind(error.into_panic()))?;
    info.decoded_bytes = decoded_bytes;
    info.records = read.extracted.records;
    info.resource = read
        .message
        .as_ref()
        .and_then(S::resource)
        .map(|resource| flatten(&resource.attributes))
        .unwrap_or_default();
    Ok(read)
}

/// Goes through a request's records.
fn extract<S: Signal>(app: &App, head: &Parts, body: &[u8]) -> Result<Read<S>, Refusal> {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let name = text("x-highlight-batch").filter(|name| !name.is_empty());
    let ids = name.map_or_else(RowIds::random, |name| {
        RowIds::named(head.uri.path(), name, body.len())
    });
    let request = name.map(|_| ids.request());
    let kept = app.recorder.keeps().then(Rows::default);
    let mut extracted = Extracted::new(ids, app.store.tables(), kept);
    let bad = |error: String| {
        let reason = format!("the body is not OTLP protobuf: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    };
    let arrival = Arrival::new(now_ns(), text("x-highlight-project"));
    S::extract(body, &arrival, &mut extracted).map_err(bad)?;
    let message = extracted.kept.is_some().then(|| S::decode(body));
    Ok(Read {
        rows: extracted.tables.take().map(Tables::encode),
        extracted,
        message: message
            .transpose()
            .map_err(|error| bad(error.to_string()))?,
        request,
    })
}

/// Stores the request and says so, unless the script says otherwise.
async fn acknowledge<S: Signal>(
    app: &App,
    read: Read<S>,
    coming: Option<Coming>,
    answer: Option<Answer>,
    info: &mut RequestInfo,
) -> Result<Response, Refusal> {
    match answer {
        Some(Answer::Status(status)) if status != 200 => return Ok(scripted(status, None)),
        Some(Answer::StatusRetryAfter(status, seconds)) if status != 200 => {
            return Ok(scripted(status, Some(seconds)));
        }
        _ => {}
    }
    let extracted = read.extracted;
    app.store
        .store(read.request, read.rows, coming)
        .await
        .map_err(|error| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let rejected = extracted.rejected.count();
    let partial = match answer {
        Some(Answer::Partial { rejected, message }) => Some((rejected, message)),
        _ => (rejected > 0).then(|| (rejected, extracted.rejected.message())),
    };
    info.status = 200;
    if let (Some(rows), Some(message)) = (extracted.kept, read.message) {
        app.recorder.record(|received| {
            received.logs.extend(rows.logs);
            received.spans.extend(rows.spans);
            received.errors.extend(rows.errors);
            received.metrics.extend(rows.metrics);
            received.cut_bodies += extracted.cut_bodies;
            received.requests.push(info.clone());
            message.keep(received);
        });
    }
    Ok((
        [(header::CONTENT_TYPE, "application/x-protobuf")],
        S::response(partial),
    )
        .into_response())
}

fn scripted(status: u16, retry_after: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match retry_after {
        Some(seconds) => (
            status,
            [(header::RETRY_AFTER, seconds.to_string())],
            "scripted\n",
        )
            .into_response(),
        None => (status, "scripted\n").into_response(),
    }
}

fn refuse(Refusal { status, reason }: Refusal) -> Response {
    let text = format!("{reason}\n");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        (
            status,
            [(header::RETRY_AFTER, RETRY_AFTER.to_string())],
            text,
        )
            .into_response()
    } else {
        (status, text).into_response()
    }
}

fn names_and_values(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.to_string())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    all
}
