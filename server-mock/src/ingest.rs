//! One request to any endpoint: read, extract, store, and only then acknowledge.

use std::collections::BTreeMap;
use std::panic;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::{Semaphore, watch};
use tokio::task;

use crate::body::{self, Refusal};
use crate::connection::Abort;
use crate::endpoint::{Endpoint, Outcome, Sent};
use crate::extract::{Extracted, RequestId, RowIds, now_ns};
use crate::received::{Recorder, RequestInfo};
use crate::rows::Rows;
use crate::script::{Answer, Script};
use crate::store::{Coming, Encoded, Store, Tables};
use crate::{drains, otlp};

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

/// Everything that is sent to the server's address.
pub(crate) fn router(app: App) -> Router {
    let router = Router::new().route("/health", get(async || "ok\n"));
    router
        .merge(otlp::routes())
        .merge(drains::routes())
        .with_state(app)
}

/// Answers a request to an endpoint.
pub(crate) async fn take<E: Endpoint>(State(mut app): State<App>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let head = Arc::new(head);
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
    let response = match read::<E>(&app, &head, body, &mut info).await {
        Ok(read) => acknowledge(&app, &head, read, coming, answer, &mut info).await,
        Err(refusal) => Err(refusal),
    };
    let response = response.unwrap_or_else(|refusal| E::refuse(&head, refusal));
    if info.status == 0 {
        info.status = response.status().as_u16();
        app.recorder.record(|received| received.requests.push(info));
    }
    response
}

/// What a request's body says.
struct Read<E> {
    extracted: Extracted,
    endpoint: E,
    /// The request's name over retries.
    request: Option<RequestId>,
    /// The rows to be stored.
    rows: Option<Encoded>,
}

/// Reads the body, and its records.
async fn read<E: Endpoint>(
    app: &App,
    head: &Arc<Parts>,
    body: Body,
    info: &mut RequestInfo,
) -> Result<Read<E>, Refusal> {
    E::check(&head.headers)?;
    let wire = body::read(body).await?;
    info.wire_bytes = wire.len();
    let turn = app.extracting.clone().acquire_owned().await;
    let (app, head) = (app.clone(), Arc::clone(head));
    let extracting = task::spawn_blocking(move || {
        let _turn = turn;
        let decoded = body::decompress(&head.headers, wire)?;
        Ok((decoded.len(), extract::<E>(&app, &head, &decoded)?))
    });
    let (decoded_bytes, read) = extracting
        .await
        .unwrap_or_else(|error| panic::resume_unwind(error.into_panic()))?;
    info.decoded_bytes = decoded_bytes;
    info.records = read.extracted.records;
    info.resource = read.endpoint.resource();
    Ok(read)
}

/// Goes through a request's records.
fn extract<E: Endpoint>(app: &App, head: &Parts, body: &[u8]) -> Result<Read<E>, Refusal> {
    let name = E::name(&head.headers).filter(|name| !name.is_empty());
    let ids = name.map_or_else(RowIds::random, |name| {
        RowIds::named(head.uri.path(), name, body.len())
    });
    let request = name.map(|_| ids.request());
    let kept = app.recorder.keeps().then(Rows::default);
    let mut extracted = Extracted::new(ids, app.store.tables(), kept);
    let sent = Sent {
        head,
        body,
        received_ns: now_ns(),
    };
    let endpoint = E::extract(&sent, &mut extracted)?;
    Ok(Read {
        rows: extracted.tables.take().map(Tables::encode),
        extracted,
        endpoint,
        request,
    })
}

/// Stores the request and says so, unless the script says otherwise.
async fn acknowledge<E: Endpoint>(
    app: &App,
    head: &Parts,
    read: Read<E>,
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
    let partial = match answer {
        Some(Answer::Partial { rejected, message }) => Some((rejected, message)),
        _ => extracted.rejected.told(),
    };
    let outcome = Outcome {
        records: extracted.records,
        partial,
    };
    let response = read.endpoint.answer(head, outcome);
    info.status = 200;
    if let Some(rows) = extracted.kept {
        app.recorder.record(|received| {
            received.logs.extend(rows.logs);
            received.spans.extend(rows.spans);
            received.errors.extend(rows.errors);
            received.metrics.extend(rows.metrics);
            received.cut_bodies += extracted.cut_bodies;
            received.requests.push(info.clone());
            read.endpoint.keep(received);
        });
    }
    Ok(response)
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
