//! Requests through `highlight-axum`, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use highlight_axum::{HandlerError, HighlightLayer};
use highlight_tests::support::{Pipeline, SESSION};
use server_mock::{Received, SpanRow};
use tokio::sync::oneshot;
use tracing::Instrument as _;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A service under the layer, and how to reach it.
struct Service {
    pipeline: Pipeline,
    address: SocketAddr,
    _subscribed: tracing::subscriber::DefaultGuard,
}

impl Service {
    async fn start(routes: Router) -> Self {
        Service::with(Pipeline::with(|config| config.filter("info")), routes).await
    }

    async fn with(pipeline: Pipeline, routes: Router) -> Self {
        let subscribed = pipeline.subscribe();
        let app = routes.layer(HighlightLayer::new(pipeline.highlight.handle()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async { axum::serve(listener, app).await });
        Service {
            pipeline,
            address,
            _subscribed: subscribed,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.send(reqwest::Client::new().get(self.url(path))).await
    }

    /// On behalf of the session and below the caller's span.
    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        request
            .header("x-highlight-request", format!("{SESSION}/{TRACE}"))
            .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
            .send()
            .await
            .unwrap()
    }

    fn received(&self) -> Received {
        self.pipeline.received()
    }
}

fn server_span(received: &Received) -> &SpanRow {
    let mut spans = received.spans.iter().filter(|span| span.kind == "Server");
    let span = spans
        .next()
        .unwrap_or_else(|| panic!("a server span expected\n{received}"));
    assert_eq!(spans.next(), None, "one server span expected\n{received}");
    span
}

fn assert_attributes(span: &SpanRow, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(
            span.attributes.get(*key).map(String::as_str),
            Some(*value),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_request_is_a_server_span_by_the_conventions() {
    let service = Service::start(Router::new().route("/pay/{id}", post(async || "paid"))).await;
    let client = reqwest::Client::builder()
        .user_agent("curl/9")
        .build()
        .unwrap();
    let response = service
        .send(client.post(service.url("/pay/7?currency=eur")))
        .await;
    assert_eq!(response.text().await.unwrap(), "paid");
    let received = service.received();
    let span = server_span(&received);
    assert_eq!(span.name, "POST /pay/{id}");
    assert_eq!(span.status_code, "Unset");
    assert_eq!(span.trace_id, TRACE);
    assert_eq!(span.parent_span_id, "b7ad6b7169203331");
    assert_eq!(span.secure_session_id, SESSION);
    let port = service.address.port().to_string();
    assert_attributes(
        span,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/pay/{id}"),
            ("http.response.status_code", "200"),
            ("url.path", "/pay/7"),
            ("url.query", "currency=eur"),
            ("url.scheme", "http"),
            ("network.protocol.version", "1.1"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("client.address", "127.0.0.1"),
            ("user_agent.original", "curl/9"),
        ],
    );
}

#[tokio::test]
async fn what_no_route_matches_is_named_by_its_method() {
    let service = Service::start(Router::new().route("/", get(async || ""))).await;
    assert_eq!(service.get("/admin.php").await.status(), 404);
    let odd = reqwest::Method::from_bytes(b"BREW").unwrap();
    service
        .send(reqwest::Client::new().request(odd, service.url("/pot")))
        .await;
    let received = service.received();
    let mut names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["GET", "HTTP"]);
    let span = received
        .spans
        .iter()
        .find(|span| span.name == "HTTP")
        .unwrap();
    assert_attributes(
        span,
        &[
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "BREW"),
            ("http.response.status_code", "404"),
        ],
    );
    assert_eq!(span.status_code, "Unset", "a 4xx is the client's");
}

#[tokio::test]
async fn everything_below_a_request_has_its_session_and_trace() {
    async fn handler() -> &'static str {
        tracing::info!("in the handler");
        nested().await;
        tokio::spawn(async { tracing::info!("spawned") }.in_current_span())
            .await
            .unwrap();
        "ok"
    }
    #[tracing::instrument]
    async fn nested() {
        tokio::task::yield_now().await;
        tracing::info!("after await");
        let job = async { tracing::info!("job") }.instrument(tracing::info_span!("job"));
        tokio::spawn(job).await.unwrap();
    }
    let service = Service::start(Router::new().route("/", get(handler))).await;
    service.get("/").await;
    tracing::info!("outside");
    let received = service.received();
    assert_eq!(received.logs.len(), 5, "{received}");
    for log in &received.logs {
        let outside = log.body == "outside";
        assert_eq!(
            log.secure_session_id,
            if outside { "" } else { SESSION },
            "{}",
            log.body
        );
        assert_eq!(
            log.trace_id,
            if outside { "" } else { TRACE },
            "{}",
            log.body
        );
    }
    assert_eq!(received.spans.len(), 3, "{received}");
    for span in &received.spans {
        assert_eq!(
            (span.secure_session_id.as_str(), span.trace_id.as_str()),
            (SESSION, TRACE)
        );
    }
}

#[tokio::test]
async fn a_request_id_that_is_a_trace_id_is_adopted_without_a_traceparent() {
    let service = Service::start(Router::new().route("/", get(async || ""))).await;
    let client = reqwest::Client::new();
    for (header, traceparent) in [
        (format!("{SESSION}/{TRACE}"), "garbage"),
        (
            format!("{SESSION}/a1b2c3d4e5"),
            "00-00000000000000000000000000000000-0000000000000000-01",
        ),
    ] {
        let request = client.get(service.url("/"));
        let request = request.header("x-highlight-request", header);
        request
            .header("traceparent", traceparent)
            .send()
            .await
            .unwrap();
    }
    let received = service.received();
    let adopted = received.spans.iter().filter(|span| span.trace_id == TRACE);
    assert_eq!(adopted.count(), 1, "{received}");
    for span in &received.spans {
        assert_eq!(span.parent_span_id, "");
        assert_eq!(span.secure_session_id, SESSION);
        assert_eq!(span.trace_id.len(), 32);
    }
}

#[tokio::test]
async fn a_hostile_header_costs_nothing() {
    let service = Service::start(Router::new().route("/", get(async || "fine"))).await;
    let client = reqwest::Client::new();
    for header in [
        "x".repeat(8_000),
        "<script>alert(1)</script>/1".to_owned(),
        "'; DROP TABLE logs; --".to_owned(),
        "a/b/c".to_owned(),
        "%00".to_owned(),
    ] {
        let request = client
            .get(service.url("/"))
            .header("x-highlight-request", header);
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "fine");
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe/1").unwrap();
    let request = client
        .get(service.url("/"))
        .header("x-highlight-request", bytes);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = service.received();
    assert_eq!(received.spans.len(), 6);
    for span in &received.spans {
        assert_eq!(span.secure_session_id, "");
    }
}

#[tokio::test]
async fn a_handler_s_error_is_one_error_on_the_server_span() {
    async fn handler() -> Result<String, HandlerError> {
        let total: u32 = "twelve".parse()?;
        Ok(total.to_string())
    }
    let service = Service::start(Router::new().route("/", get(handler))).await;
    let response = service.get("/").await;
    assert_eq!(response.status(), 500);
    let body = response.text().await.unwrap();
    assert_eq!(
        body, "Internal Server Error",
        "nothing of the error reaches the client"
    );
    let received = service.received();
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}")
    };
    let span = server_span(&received);
    assert_eq!(error.error_type, "core::num::error::ParseIntError");
    assert_eq!(error.message, "invalid digit found in string");
    assert_eq!(error.span_id, span.span_id);
    assert_eq!(error.secure_session_id, SESSION);
    assert!(
        error.stacktrace.contains("tests/tests/it/axum.rs:"),
        "{}",
        error.stacktrace
    );
    assert_eq!(
        (span.status_code.as_str(), span.has_errors),
        ("Error", true)
    );
    assert_attributes(
        span,
        &[
            ("error.type", "core::num::error::ParseIntError"),
            ("http.response.status_code", "500"),
        ],
    );
    assert_eq!(received.spans.len(), 1);
}

#[tokio::test]
async fn a_client_s_mistake_is_noted_and_no_error() {
    async fn handler() -> HandlerError {
        HandlerError::new(StatusCode::CONFLICT, &std::io::Error::other("already paid"))
    }
    let service = Service::start(Router::new().route("/", get(handler))).await;
    assert_eq!(service.get("/").await.status(), 409);
    let received = service.received();
    assert!(received.errors.is_empty(), "{received}");
    let span = server_span(&received);
    assert_eq!(span.status_code, "Unset");
    assert_attributes(span, &[("error.message", "already paid")]);
}

#[tokio::test]
async fn an_own_error_type_is_reported_by_with_error() {
    struct Failure;
    impl IntoResponse for Failure {
        fn into_response(self) -> Response {
            let response = StatusCode::BAD_GATEWAY.into_response();
            highlight_axum::with_error(response, &std::io::Error::other("bank is down"))
        }
    }
    let handler = async || Failure;
    let service = Service::start(Router::new().route("/", get(handler))).await;
    assert_eq!(service.get("/").await.status(), 502);
    assert_eq!(service.received().errors[0].message, "bank is down");
}

#[tokio::test]
async fn a_5xx_without_an_error_fails_the_span() {
    let handler = async || StatusCode::SERVICE_UNAVAILABLE;
    let service = Service::start(Router::new().route("/", get(handler))).await;
    assert_eq!(service.get("/").await.status(), 503);
    let received = service.received();
    let span = server_span(&received);
    assert_eq!(span.status_code, "Error");
    assert_attributes(span, &[("error.type", "503")]);
    assert!(received.errors.is_empty());
}

#[tokio::test]
async fn a_panic_answers_500_and_is_one_error() {
    async fn handler() -> &'static str {
        panic!("out of beans")
    }
    let service = Service::start(Router::new().route("/", get(handler))).await;
    assert_eq!(service.get("/").await.status(), 500);
    assert_eq!(service.get("/").await.status(), 500, "the service goes on");
    let received = service.received();
    assert_eq!(received.errors.len(), 2, "{received}");
    let error = &received.errors[0];
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("panic", "out of beans")
    );
    assert_eq!(error.secure_session_id, SESSION);
    for span in &received.spans {
        assert_eq!(
            (span.name.as_str(), span.status_code.as_str()),
            ("GET /", "Error")
        );
        assert_attributes(span, &[("http.response.status_code", "500")]);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_span_as_cancelled() {
    struct SaysGoodBye;
    impl Drop for SaysGoodBye {
        fn drop(&mut self) {
            tracing::info!("good bye");
        }
    }
    let (started, waiting) = oneshot::channel::<()>();
    let started = std::sync::Mutex::new(Some(started));
    let handler = async move || {
        if let Some(started) = started.lock().unwrap().take() {
            started.send(()).unwrap();
        }
        let _says = SaysGoodBye;
        std::future::pending::<()>().await;
    };
    let handler = std::sync::Arc::new(handler);
    let routes = Router::new().route("/", get(async move || (*handler)().await));
    let service = Service::start(routes).await;
    let request = tokio::spawn(
        reqwest::Client::new()
            .get(service.url("/"))
            .header("x-highlight-request", SESSION)
            .send(),
    );
    waiting.await.unwrap();
    request.abort();
    let received = service
        .pipeline
        .server
        .wait_for(|received| !received.spans.is_empty() && !received.logs.is_empty())
        .await;
    let span = server_span(&received);
    assert_eq!(span.status_code, "Error");
    assert_eq!(span.status_message, "the client hung up");
    assert_attributes(span, &[("error.type", "cancelled")]);
    assert_eq!(
        received.logs[0].secure_session_id, SESSION,
        "what is dropped is in the session"
    );
    assert!(received.errors.is_empty());
}

#[tokio::test]
async fn a_streamed_response_ends_its_span_with_the_last_byte() {
    let handler = async || {
        let parts = stream::unfold(0, async |at| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            tracing::info!("part {at}");
            (at < 3).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), at + 1))
        });
        Body::from_stream(parts)
    };
    let service = Service::start(Router::new().route("/", get(handler))).await;
    assert_eq!(service.get("/").await.text().await.unwrap(), "xxx");
    let received = service.received();
    let span = server_span(&received);
    assert_eq!(span.status_code, "Unset", "{}", span.status_message);
    assert!(span.duration_ns >= 40_000_000, "{}", span.duration_ns);
    assert_eq!(received.logs.len(), 4);
    for log in &received.logs {
        assert_eq!(log.span_id, span.span_id);
    }
}

#[tokio::test]
async fn a_stream_that_fails_is_an_error() {
    let handler = async || {
        let parts = stream::iter([
            Ok(Bytes::from_static(b"x")),
            Err(std::io::Error::other("disk")),
        ]);
        Body::from_stream(parts)
    };
    let service = Service::start(Router::new().route("/", get(handler))).await;
    // The connection breaks, sometimes before the client has seen an answer.
    let request = reqwest::Client::new().get(service.url("/"));
    if let Ok(response) = request.send().await {
        response.bytes().await.unwrap_err();
    }
    let received = service.received();
    assert_eq!(received.errors[0].message, "disk");
    assert_eq!(server_span(&received).status_code, "Error");
}

#[tokio::test]
async fn a_span_that_outlives_its_request_does_not_hold_it_back() {
    let (done, wait) = oneshot::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let wait = std::sync::Arc::new(wait);
    let handler = async move || {
        let wait = wait.lock().unwrap().take().unwrap();
        let job = async {
            wait.await.unwrap();
            tracing::info!("finished");
        };
        drop(tokio::spawn(job.in_current_span()));
    };
    let service = Service::start(Router::new().route("/", get(handler))).await;
    service.get("/").await;
    let before = service.received();
    assert_eq!(server_span(&before).status_code, "Unset");
    done.send(()).unwrap();
    let after = service
        .pipeline
        .server
        .wait_for(|received| !received.logs.is_empty())
        .await;
    assert_eq!(after.logs[0].secure_session_id, SESSION);
    assert_eq!(after.logs[0].span_id, server_span(&after).span_id);
}

#[tokio::test]
async fn a_filter_that_takes_the_span_out_leaves_the_request_its_session() {
    let pipeline = Pipeline::with(|config| config.filter("warn"));
    let handler = async || tracing::warn!("still tied");
    let service = Service::with(pipeline, Router::new().route("/", get(handler))).await;
    service.get("/").await;
    let received = service.received();
    assert_eq!(received.logs[0].secure_session_id, SESSION);
    assert_eq!(received.logs[0].span_id, server_span(&received).span_id);
    assert_attributes(server_span(&received), &[("http.route", "/")]);
}

#[tokio::test]
async fn an_error_leaves_even_when_its_trace_is_sampled_out() {
    async fn handler() -> HandlerError {
        HandlerError::new(
            StatusCode::BAD_GATEWAY,
            &std::io::Error::other("bank is down"),
        )
    }
    let service = Service::start(Router::new().route("/", get(handler))).await;
    let request = reqwest::Client::new().get(service.url("/"));
    let request = request.header("x-highlight-request", SESSION);
    let unsampled = format!("00-{TRACE}-b7ad6b7169203331-00");
    request
        .header("traceparent", unsampled)
        .send()
        .await
        .unwrap();
    let received = service.received();
    assert_eq!(received.errors[0].message, "bank is down");
    assert_eq!(received.errors[0].trace_id, TRACE);
    assert_eq!(received.errors[0].secure_session_id, SESSION);
    assert_eq!(received.spans.len(), 1);
    assert_eq!(received.spans[0].name, "highlight.error");
}

#[tokio::test]
async fn a_request_without_headers_starts_a_trace_of_its_own() {
    let service = Service::start(Router::new().route("/", get(async || ""))).await;
    reqwest::get(service.url("/")).await.unwrap();
    let received = service.received();
    let span = server_span(&received);
    assert_eq!(
        (
            span.secure_session_id.as_str(),
            span.parent_span_id.as_str()
        ),
        ("", "")
    );
    assert_ne!(span.trace_id, TRACE);
}
