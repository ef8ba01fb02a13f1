//! The OTLP/HTTP endpoints: read, decode, extract, store, and only then acknowledge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::watch;

use crate::body::{self, Refusal};
use crate::connection::Abort;
use crate::extract::{Arrival, flatten};
use crate::received::{Recorder, RequestInfo};
use crate::script::{Answer, Script};
use crate::signal::Signal;
use crate::store::Store;

/// How long a sender is asked to wait when a request could not be stored, in seconds.
const RETRY_AFTER: u64 = 1;

/// What every request sees.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) script: Arc<Script>,
    pub(crate) store: Store,
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
    let response = match decode::<S>(&head.headers, body, &mut info).await {
        Ok(message) => acknowledge(&app, &head.headers, message, answer, &mut info).await,
        Err(refusal) => Err(refusal),
    };
    let response = response.unwrap_or_else(refuse);
    if info.status == 0 {
        info.status = response.status().as_u16();
        app.recorder.record(|received| received.requests.push(info));
    }
    response
}

/// The request, decoded from its body.
async fn decode<S: Signal>(
    headers: &HeaderMap,
    body: Body,
    info: &mut RequestInfo,
) -> Result<S, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if !content_type.starts_with(b"application/x-protobuf") {
        let found = String::from_utf8_lossy(content_type);
        let reason = format!("content-type {found:?} is not supported: use application/x-protobuf");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let wire = body::read(body).await?;
    info.wire_bytes = wire.len();
    let decoded = body::decompress(headers, wire)?;
    info.decoded_bytes = decoded.len();
    let message = S::decode(decoded).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("the body is not OTLP protobuf: {error}"),
        )
    })?;
    info.records = message.records();
    info.resource = message
        .resource()
        .map(|resource| flatten(&resource.attributes))
        .unwrap_or_default();
    Ok(message)
}

/// Stores the request and says so, unless the script says otherwise.
async fn acknowledge<S: Signal>(
    app: &App,
    headers: &HeaderMap,
    message: S,
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
    let project = headers
        .get("x-highlight-project")
        .and_then(|value| value.to_str().ok());
    let extracted = message.extract(Arrival {
        received_ns: now_ns(),
        project,
    });
    app.store
        .store(&extracted.rows)
        .await
        .map_err(|error| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let rejected = extracted.rejected.count();
    let partial = match answer {
        Some(Answer::Partial { rejected, message }) => Some((rejected, message)),
        _ => (rejected > 0).then(|| (rejected, extracted.rejected.message())),
    };
    info.status = 200;
    app.recorder.record(|received| {
        received.logs.extend(extracted.rows.logs);
        received.spans.extend(extracted.rows.spans);
        received.errors.extend(extracted.rows.errors);
        received.metrics.extend(extracted.rows.metrics);
        received.cut_bodies += extracted.cut_bodies;
        received.requests.push(info.clone());
        message.keep(received);
    });
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

fn now_ns() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
