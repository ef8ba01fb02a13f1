//! A service on axum with one route, whose handler logs one line.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use harness::Peer;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower_service::Service as _;

/// Serves on one thread, with an SDK and its middleware, until stdin ends; or with a second argument has the app handle so many requests
/// without a network.
pub fn run<P: Peer + Send + 'static>(start: fn(&str) -> P, layered: fn(Router) -> Router) {
    let peer = start(&harness::endpoint());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let app = layered(Router::new().route("/orders/{id}", get(order)));
    if let Some(requests) = std::env::args().nth(2) {
        for _ in 0..requests.parse().expect("a whole number") {
            http_one_request(&runtime, &app);
        }
        return peer.flush();
    }
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        harness::answer(peer, listener.local_addr().expect("an address"));
        axum::serve(listener, app)
            .await
            .expect("it serves until stdin ends");
    });
}

/// Its name is what `cargo xtask bench instructions` tells callgrind to count in, so it has to survive the compiler.
#[unsafe(no_mangle)]
#[inline(never)]
fn http_one_request(runtime: &Runtime, app: &Router) {
    runtime.block_on(async {
        let request = Request::get("http://127.0.0.1/orders/17")
            .body(Body::empty())
            .expect("a request");
        let response = app.clone().call(request).await.expect("it cannot fail");
        assert!(response.status().is_success());
        let body = to_bytes(response.into_body(), 100).await.expect("a body");
        assert_eq!(body, "placed");
    });
}

async fn order(Path(id): Path<u64>) -> &'static str {
    tracing::info!(
        cart = "c-17",
        total = 12.5,
        items = id,
        paid = true,
        "order placed"
    );
    "placed"
}
