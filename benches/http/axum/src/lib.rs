//! A service on axum with one route, whose handler logs one line.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use harness::Peer;
use tokio::net::TcpListener;

/// Serves on one thread, with an SDK and its middleware, until stdin ends.
pub fn run<P: Peer + Send + 'static>(start: fn(&str) -> P, layered: fn(Router) -> Router) {
    let peer = start(&harness::endpoint());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        harness::answer(peer, listener.local_addr().expect("an address"));
        let app = layered(Router::new().route("/orders/{id}", get(order)));
        axum::serve(listener, app).await.expect("it serves until stdin ends");
    });
}

async fn order(Path(id): Path<u64>) -> &'static str {
    tracing::info!(cart = "c-17", total = 12.5, items = id, paid = true, "order placed");
    "placed"
}
