//! The metrics of requests through `highlight-axum`, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use highlight_axum::HighlightLayer;
use highlight_tests::support::{Pipeline, SESSION};
use server_mock::{MetricRow, MetricValue, Received, Temporality};

const DURATION: &str = "http.server.request.duration";
const ACTIVE: &str = "http.server.active_requests";

async fn serve(pipeline: &Pipeline, routes: Router) -> SocketAddr {
    let app = routes.layer(HighlightLayer::new(pipeline.highlight.handle()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

fn eager() -> Pipeline {
    Pipeline::with(|config| config.metric_interval(Duration::from_millis(10)))
}

/// The tags of a request's duration, as `key=value` in order.
fn tags(row: &MetricRow) -> Vec<String> {
    let pairs = row.attributes.iter();
    let shown = pairs.filter(|(key, _)| {
        ["http.", "url.", "network.", "error."]
            .iter()
            .any(|prefix| key.starts_with(prefix))
    });
    shown.map(|(key, value)| format!("{key}={value}")).collect()
}

fn rows<'a>(received: &'a Received, name: &str) -> Vec<&'a MetricRow> {
    let rows = received.metrics.iter();
    rows.filter(|row| row.name == name).collect()
}

/// The latest number of active requests.
fn active(received: &Received) -> Option<f64> {
    match rows(received, ACTIVE).last()?.value {
        MetricValue::Sum { value, .. } => Some(value),
        _ => None,
    }
}

fn is_idle(received: &Received) -> bool {
    active(received) == Some(0.0)
}

#[tokio::test]
async fn a_request_is_measured_by_the_conventions() {
    let pipeline = Pipeline::start();
    let routes = Router::new().route("/pay/{id}", post(async || StatusCode::CREATED));
    let address = serve(&pipeline, routes).await;
    let client = reqwest::Client::new();
    for id in 0..3 {
        let request = client.post(format!("http://{address}/pay/{id}"));
        let request = request.header("x-highlight-request", format!("{SESSION}/1"));
        assert_eq!(request.send().await.unwrap().status(), 201);
    }
    let received = pipeline.received();
    let [row] = rows(&received, DURATION)[..] else {
        panic!("one series expected\n{received}")
    };
    assert_eq!(
        tags(row),
        [
            "http.request.method=POST",
            "http.response.status_code=201",
            "http.route=/pay/{id}",
            "network.protocol.version=1.1",
            "url.scheme=http"
        ]
    );
    assert_eq!(row.unit, "s");
    let MetricValue::Histogram {
        count,
        sum,
        explicit_bounds,
        temporality,
        ..
    } = &row.value
    else {
        panic!("a histogram expected: {row:?}")
    };
    assert_eq!((*count, *temporality), (3, Temporality::Delta));
    let requests = received.spans.iter().filter(|span| span.kind == "Server");
    let took: i64 = requests.map(|span| span.duration_ns).sum();
    // Measured once; only sums of seconds are not exact.
    let measured = Duration::from_secs_f64(*sum).as_nanos();
    assert!(measured.abs_diff(u128::try_from(took).unwrap()) <= 3);
    assert!(took > 0);
    assert_eq!(explicit_bounds[..3], [0.005, 0.01, 0.025]);
    assert_eq!(explicit_bounds.len(), 14);
    let exemplar = &row.exemplars[0];
    assert_eq!(exemplar.secure_session_id, SESSION);
    assert!(
        received
            .spans
            .iter()
            .any(|span| (&span.trace_id, &span.span_id) == (&exemplar.trace_id, &exemplar.span_id))
    );
    let [row] = rows(&received, ACTIVE)[..] else {
        panic!("one series expected\n{received}")
    };
    assert_eq!(tags(row), ["http.request.method=POST", "url.scheme=http"]);
    assert!(is_idle(&received));
}

#[tokio::test]
async fn a_request_is_active_until_its_client_hangs_up() {
    let pipeline = eager();
    let routes = Router::new().route("/slow", get(async || std::future::pending::<()>().await));
    let address = serve(&pipeline, routes).await;
    let client = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
    pipeline
        .server
        .wait_for(|received| active(received) == Some(1.0))
        .await;
    client.abort();
    let received = pipeline
        .server
        .wait_for(|received| is_idle(received) && !rows(received, DURATION).is_empty())
        .await;
    assert_eq!(
        tags(rows(&received, DURATION)[0]),
        [
            "error.type=cancelled",
            "http.request.method=GET",
            "http.route=/slow",
            "network.protocol.version=1.1",
            "url.scheme=http"
        ]
    );
}

#[tokio::test]
async fn a_streaming_response_is_active_until_its_client_hangs_up() {
    let pipeline = eager();
    let stream = async || {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("first")]);
        let endless = futures_util::stream::pending();
        Body::from_stream(futures_util::StreamExt::chain(first, endless))
    };
    let address = serve(&pipeline, Router::new().route("/", get(stream))).await;
    let mut response = reqwest::get(format!("http://{address}/")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    pipeline
        .server
        .wait_for(|received| active(received) == Some(1.0))
        .await;
    drop(response);
    let received = pipeline
        .server
        .wait_for(|received| is_idle(received) && !rows(received, DURATION).is_empty())
        .await;
    assert_eq!(
        rows(&received, DURATION)[0].attributes["error.type"],
        "cancelled"
    );
}

#[tokio::test]
async fn a_panic_ends_its_request_and_failures_are_told_apart() {
    let pipeline = Pipeline::start();
    let routes = Router::new()
        .route("/panic", get(async || -> &str { panic!("boom") }))
        .route("/busy", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/missing", get(async || StatusCode::NOT_FOUND));
    let address = serve(&pipeline, routes).await;
    for path in ["panic", "busy", "missing"] {
        drop(
            reqwest::get(format!("http://{address}/{path}"))
                .await
                .unwrap(),
        );
    }
    let received = pipeline.received();
    assert!(is_idle(&received), "{received}");
    let mut told: Vec<_> = rows(&received, DURATION)
        .iter()
        .map(|row| {
            let tag = |key: &str| row.attributes.get(key).map_or("", String::as_str);
            (
                tag("http.route"),
                tag("http.response.status_code"),
                tag("error.type"),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("/busy", "503", "503"),
            ("/missing", "404", ""),
            ("/panic", "500", "panic")
        ]
    );
}

#[tokio::test]
async fn hostile_methods_and_paths_make_no_series_of_their_own() {
    let pipeline = Pipeline::start();
    let address = serve(&pipeline, Router::new().route("/", get(async || ""))).await;
    let client = reqwest::Client::new();
    for number in 0..20 {
        let method = reqwest::Method::from_bytes(format!("BREW{number}").as_bytes()).unwrap();
        let url = format!("http://{address}/pot/{number}");
        drop(client.request(method, url).send().await.unwrap());
    }
    let received = pipeline.received();
    let [row] = rows(&received, DURATION)[..] else {
        panic!("one series expected\n{received}")
    };
    assert_eq!(row.attributes["http.request.method"], "_OTHER");
    assert_eq!(row.attributes.get("http.route"), None);
    assert!(is_idle(&received));
}

#[tokio::test]
async fn requests_are_not_measured_where_that_is_off() {
    let pipeline = Pipeline::with(|config| config.http_metrics(false));
    let address = serve(&pipeline, Router::new().route("/", get(async || "ok"))).await;
    assert_eq!(
        reqwest::get(format!("http://{address}/"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok"
    );
    let received = pipeline.received();
    assert_eq!(received.spans.len(), 1);
    assert_eq!(received.metrics, []);
}
