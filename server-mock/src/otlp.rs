//! The OTLP/HTTP endpoints.

use axum::Router;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::body::Refusal;
use crate::endpoint::{Endpoint, Outcome, Sent, text};
use crate::extract::{Arrival, Bounds, Extracted, flatten};
use crate::ingest::{App, take};
use crate::received::Received;
use crate::rows::Attributes;
use crate::signal::Signal;

pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new();
    for prefix in ["", "/otel"] {
        router = router
            .route(
                &format!("{prefix}/v1/logs"),
                post(take::<Export<ExportLogsServiceRequest>>),
            )
            .route(
                &format!("{prefix}/v1/traces"),
                post(take::<Export<ExportTraceServiceRequest>>),
            )
            .route(
                &format!("{prefix}/v1/metrics"),
                post(take::<Export<ExportMetricsServiceRequest>>),
            );
    }
    router
}

/// A request of one signal: the message itself, when it is kept.
struct Export<S>(Option<S>);

impl<S: Signal> Endpoint for Export<S> {
    fn check(headers: &HeaderMap) -> Result<(), Refusal> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .map_or(&b""[..], HeaderValue::as_bytes);
        if content_type.starts_with(b"application/x-protobuf") {
            return Ok(());
        }
        let found = String::from_utf8_lossy(content_type);
        let reason = format!("content-type {found:?} is not supported: use application/x-protobuf");
        Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
    }

    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal> {
        let bad = |error: String| {
            let reason = format!("the body is not OTLP protobuf: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, reason)
        };
        let arrival = Arrival::new(
            sent.received_ns,
            text(&sent.head.headers, "x-highlight-project"),
        );
        S::extract(sent.body, &arrival, extracted).map_err(bad)?;
        let message = extracted.kept.is_some().then(|| S::decode(sent.body));
        let message = message
            .transpose()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self(message))
    }

    fn resource(&self) -> Attributes {
        let resource = self.0.as_ref().and_then(S::resource);
        // For one that is too large, the rejected records tell.
        resource
            .and_then(|resource| {
                let mut bounds = Bounds::of(resource.encoded_len());
                flatten(&resource.attributes, &mut bounds).ok()
            })
            .unwrap_or_default()
    }

    fn keep(self, received: &mut Received) {
        if let Some(message) = self.0 {
            message.keep(received);
        }
    }

    fn answer(&self, _head: &Parts, outcome: Outcome) -> Response {
        (
            [(header::CONTENT_TYPE, "application/x-protobuf")],
            S::response(outcome.partial),
        )
            .into_response()
    }
}
