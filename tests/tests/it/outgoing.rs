//! Outgoing requests: a client span each, and trace and session with them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use highlight::propagation::{Outgoing, ReqwestMiddleware};
use highlight::{Session, with_session};
use highlight_tests::services::{self, Running};
use highlight_tests::support::{Pipeline, SESSION};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use server_mock::{Received, SpanRow};
use tokio::sync::Notify;
use tracing::Instrument as _;

fn client(pipeline: &Pipeline) -> ClientWithMiddleware {
    ClientBuilder::new(reqwest::Client::new())
        .with(ReqwestMiddleware::new(pipeline.highlight.handle()))
        .build()
}

/// Another service, with an SDK of its own; it answers with the headers it got.
fn other() -> (Pipeline, Running) {
    let pipeline = Pipeline::start();
    let echo = async |headers: HeaderMap| {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        headers.collect::<String>()
    };
    let routes = Router::new()
        .route("/echo", get(echo))
        .route("/gone", get(async || StatusCode::GONE));
    let service = services::axum(&pipeline.highlight, routes);
    (pipeline, service)
}

fn session() -> Session {
    Session::parse(&format!("{SESSION}/1")).unwrap()
}

fn only_client_span(received: &Received) -> &SpanRow {
    let mut spans = received.spans.iter().filter(|span| span.kind == "Client");
    let span = spans
        .next()
        .unwrap_or_else(|| panic!("a client span expected\n{received}"));
    assert_eq!(spans.next(), None, "one client span expected\n{received}");
    span
}

fn assert_attributes(span: &SpanRow, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found = span.attributes.get(*key).map(String::as_str);
        assert_eq!(found, Some(*value), "{key}");
    }
}

#[tokio::test]
async fn a_request_is_a_client_span_between_the_callers_and_the_other_services() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let (others, service) = other();
    let url = service.url("/echo?token=t0p&n=1");
    let call = async {
        let request = client(&pipeline)
            .get(&url)
            .header("baggage", "plan=gold;secure");
        request.send().await.unwrap().text().await.unwrap()
    };
    let echoed = with_session(session(), async {
        call.instrument(tracing::info_span!("checkout")).await
    })
    .await;
    let baggage = format!("baggage: x-highlight-request={SESSION}/1,plan=gold;secure\n");
    assert!(echoed.contains(&baggage), "{echoed}");
    assert!(
        echoed.contains(&format!("x-highlight-request: {SESSION}/1\n")),
        "{echoed}"
    );
    let received = pipeline.received();
    let span = only_client_span(&received);
    let caller = received
        .spans
        .iter()
        .find(|span| span.name == "checkout")
        .unwrap();
    assert_eq!(
        (span.name.as_str(), span.status_code.as_str()),
        ("GET", "Unset")
    );
    assert_eq!(span.parent_span_id, caller.span_id);
    assert_eq!(span.secure_session_id, SESSION);
    let port = service.address().port().to_string();
    assert_attributes(
        span,
        &[
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("url.scheme", "http"),
        ],
    );
    assert!(
        !span.attributes["url.full"].contains("t0p"),
        "secrets are redacted"
    );
    let theirs = others.received();
    let server = theirs
        .spans
        .iter()
        .find(|span| span.kind == "Server")
        .unwrap();
    assert_eq!(server.parent_span_id, span.span_id);
    assert_eq!(
        (&server.trace_id, &server.secure_session_id),
        (&caller.trace_id, &caller.secure_session_id)
    );
}

#[tokio::test]
async fn an_answer_from_400_on_fails_the_span_and_is_no_error() {
    let pipeline = Pipeline::start();
    let (_others, service) = other();
    let response = client(&pipeline)
        .get(service.url("/gone"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 410);
    let received = pipeline.received();
    let span = only_client_span(&received);
    assert_eq!(span.status_code, "Error");
    assert_attributes(
        span,
        &[("error.type", "410"), ("http.response.status_code", "410")],
    );
    assert!(received.errors.is_empty());
}

#[tokio::test]
async fn a_request_without_an_answer_fails_the_span_and_is_no_error() {
    let pipeline = Pipeline::start();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://ann:s3cret@{}/", nobody.local_addr().unwrap());
    drop(nobody);
    client(&pipeline).get(&url).send().await.unwrap_err();
    let received = pipeline.received();
    let span = only_client_span(&received);
    assert_eq!(span.status_code, "Error");
    assert!(!span.status_message.is_empty());
    assert_attributes(span, &[("error.type", "reqwest_middleware::error::Error")]);
    assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
    assert!(received.errors.is_empty(), "that is for whoever handles it");
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_ends_as_cancelled() {
    let pipeline = Pipeline::start();
    let started = Arc::new(Notify::new());
    let here = Arc::clone(&started);
    let hangs = async move || {
        here.notify_one();
        std::future::pending::<()>().await;
    };
    let others = Pipeline::start();
    let service = services::axum(&others.highlight, Router::new().route("/", get(hangs)));
    let request = tokio::spawn(client(&pipeline).get(service.url("/")).send());
    let begun = tokio::time::timeout(Duration::from_secs(10), started.notified()).await;
    begun.expect("the handler begins");
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    let received = pipeline.received();
    let span = only_client_span(&received);
    assert_eq!(span.status_code, "Error");
    assert_attributes(span, &[("error.type", "cancelled")]);
}

#[tokio::test]
async fn hosts_that_are_not_listed_are_told_nothing() {
    let pipeline = Pipeline::with(|config| config.propagate_to(["shop.example"]));
    let (_others, service) = other();
    let call = client(&pipeline).get(service.url("/echo")).send();
    let response = with_session(session(), call).await.unwrap();
    let echoed = response.text().await.unwrap();
    for header in ["x-highlight-request", "traceparent", "baggage"] {
        assert!(!echoed.contains(header), "{echoed}");
    }
    let received = pipeline.received();
    assert_eq!(only_client_span(&received).secure_session_id, SESSION);
    let inside = |url| {
        let mut headers = HashMap::<String, String>::new();
        Outgoing::through(&pipeline.highlight, "GET", url).inject(&mut headers);
        headers.contains_key("traceparent")
    };
    assert!(inside("https://api.shop.example:8443/x"));
    assert!(!inside("https://shop.example.evil/"));
    assert!(!inside("https://shop.example@evil/"));
    assert!(!inside("/relative"));
}

#[tokio::test]
async fn without_an_sdk_the_session_still_goes_on() {
    let mut headers = HashMap::<String, String>::new();
    with_session(session(), async {
        let outgoing = Outgoing::start("GET", "http://shop.example/");
        outgoing.inject(&mut headers);
        outgoing.finish(200);
    })
    .await;
    assert_eq!(headers["x-highlight-request"], format!("{SESSION}/1"));
    assert!(!headers.contains_key("traceparent"));
}

#[tokio::test]
async fn what_a_client_logs_while_it_sends_is_inside_the_span() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let outgoing = Outgoing::through(&pipeline.highlight, "BREW", "coap://pot.example/");
    let call = async {
        tracing::info!("resolving");
        Ok::<_, std::io::Error>(200_u16)
    };
    outgoing.send(call, |status| *status).await.unwrap();
    let received = pipeline.received();
    let span = only_client_span(&received);
    assert_eq!(received.logs[0].span_id, span.span_id);
    assert_eq!(span.name, "HTTP");
    assert_attributes(
        span,
        &[
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "BREW"),
            ("server.address", "pot.example"),
        ],
    );
}
