//! The service over a real socket, and what arrives of it. Global to this binary: the SDK and its `tracing` subscriber.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::HttpServer;
use reqwest::{Client, Method, Response};
use server_mock::MockServer;
use tokio_util::task::TaskTracker;

const BUYER: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";
const RETURNER: &str = "Zk81mVqPn3XsLw0aTfRb6uYdHc9E";
const ORIGIN: &str = "https://shop.example";

/// As a browser on another origin sends it.
async fn send(method: Method, url: String, session: &str) -> Response {
    let request = Client::new()
        .request(method, url)
        .header("origin", ORIGIN)
        .header(highlight::SESSION_HEADER, format!("{session}/1"));
    request.send().await.unwrap()
}

#[actix_web::test]
async fn a_success_an_error_and_a_panic_arrive_under_their_sessions() {
    let server = MockServer::start();
    let _highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .filter("info")
        .batch_delay(Duration::from_millis(10))
        .init()
        .unwrap();
    highlight_log::Bridge::new().install().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = HttpServer::new(|| crate::app(TaskTracker::new())).workers(2);
    actix_web::rt::spawn(service.listen(listener).unwrap().run());

    let bought = send(Method::POST, format!("{url}/checkout/c-17"), BUYER).await;
    assert_eq!(bought.status(), 200);
    let returned = send(Method::POST, format!("{url}/refunds/ten"), RETURNER).await;
    assert_eq!(returned.status(), 500);
    let searched = send(Method::GET, format!("{url}/stock/9"), BUYER).await;
    assert_eq!(searched.status(), 500);
    let readable_by = &searched.headers()["access-control-allow-origin"];
    assert!(
        readable_by == ORIGIN || readable_by == "*",
        "{readable_by:?}"
    );

    let received = server
        .wait_for(|received| {
            let ended = |name| received.spans.iter().any(|span| span.name == name);
            ended("POST /checkout/{cart}")
                && ended("POST /refunds/{cents}")
                && ended("GET /stock/{shelf}")
                && received.logs.iter().any(|log| log.body == "paid")
        })
        .await;
    let bodies: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.secure_session_id == BUYER && log.severity_text != "error")
        .map(|log| log.body.as_str())
        .collect();
    assert_eq!(
        bodies,
        [
            "checkout started",
            "prices looked up",
            "bank chosen",
            "the bank was slow",
            "paid"
        ]
    );
    let [refund, panic] = &received.errors[..] else {
        panic!("two errors, not:\n{received}");
    };
    assert_eq!(refund.secure_session_id, RETURNER);
    assert_eq!(
        refund.message,
        "the amount to refund is not a number of cents"
    );
    assert!(refund.stacktrace.contains("actix/src/routes.rs:"));
    assert_eq!(
        (panic.error_type.as_str(), panic.secure_session_id.as_str()),
        ("panic", BUYER)
    );
    assert!(panic.stacktrace.contains("actix/src/routes.rs:"));
}

#[actix_web::test]
async fn a_browser_may_send_the_session_header() {
    let app = actix_web::test::init_service(crate::app(TaskTracker::new())).await;
    let asked = actix_web::test::TestRequest::with_uri("/checkout/c-17")
        .method(actix_web::http::Method::OPTIONS)
        .insert_header(("origin", ORIGIN))
        .insert_header(("access-control-request-method", "POST"))
        .insert_header((
            "access-control-request-headers",
            "x-highlight-request,traceparent,tracestate,baggage",
        ));
    let answer = actix_web::test::call_service(&app, asked.to_request()).await;
    assert_eq!(answer.status(), 200);
    let allowed = answer.headers().get("access-control-allow-headers");
    let allowed = allowed.unwrap().to_str().unwrap();
    assert!(allowed.contains("x-highlight-request"), "{allowed}");
}
