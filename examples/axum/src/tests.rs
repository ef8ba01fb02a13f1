//! The service over a real socket, and what arrives of it. Global to this binary: the SDK and its `tracing` subscriber.

use std::time::Duration;

use server_mock::MockServer;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

const BUYER: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";
const RETURNER: &str = "Zk81mVqPn3XsLw0aTfRb6uYdHc9E";

async fn post(url: String, session: &str) -> u16 {
    let request = reqwest::Client::new()
        .post(url)
        .header(highlight::SESSION_HEADER, format!("{session}/1"));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_success_and_an_error_arrive_under_their_sessions() {
    let server = MockServer::start();
    let _highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .filter("info")
        .batch_delay(Duration::from_millis(10))
        .init()
        .unwrap();
    highlight_log::Bridge::new().install().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = crate::app(TaskTracker::new()).into_make_service();
    tokio::spawn(async { axum::serve(listener, service).await });

    assert_eq!(post(format!("{url}/checkout/c-17"), BUYER).await, 200);
    assert_eq!(post(format!("{url}/refunds/ten"), RETURNER).await, 500);

    let received = server
        .wait_for(|received| {
            let ended = |name| received.spans.iter().any(|span| span.name == name);
            ended("POST /checkout/{cart}")
                && ended("POST /refunds/{cents}")
                && received.logs.iter().any(|log| log.body == "paid")
        })
        .await;
    let bodies: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.secure_session_id == BUYER)
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
    let [error] = &received.errors[..] else {
        panic!("one error, not:\n{received}");
    };
    assert_eq!(error.secure_session_id, RETURNER);
    assert_eq!(
        error.message,
        "the amount to refund is not a number of cents"
    );
    assert!(error.stacktrace.contains("axum/src/routes.rs:"));
}
