//! A checkout service whose errors, logs and traces go to highlight.io, tied to the shopper's browser session.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-axum -- 127.0.0.1:3000
//! curl -X POST 127.0.0.1:3000/checkout/c-17 -H 'x-highlight-request: tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1'
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

mod routes;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tower_http::cors::{Any, CorsLayer};

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "where it listens is for whoever started it"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    // What is not set here comes from the environment, such as HIGHLIGHT_OTLP_ENDPOINT.
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let _highlight = highlight::Config::new(project)
        .service_name("checkout")
        .service_version(env!("CARGO_PKG_VERSION"))
        .init()?;
    // Dependencies that log with the `log` crate are heard too.
    highlight_log::Bridge::new().install()?;

    let address = env::args().nth(1).or_else(|| env::var("ADDRESS").ok());
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let jobs = TaskTracker::new();
    let service = app(jobs.clone()).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop_signal())
        .await?;
    // Background jobs end before the process does, and before the SDK.
    jobs.close();
    jobs.wait().await;
    Ok(())
}

/// The service: its routes inside the highlight layer, and that inside CORS.
fn app(jobs: TaskTracker) -> Router {
    Router::new()
        .route("/checkout/{cart}", post(routes::checkout))
        .route("/orders/{order}/receipt", post(routes::receipt))
        .route("/coupons/{code}", post(routes::coupon))
        .route("/refunds/{cents}", post(routes::refund))
        .route("/stock/{shelf}", get(routes::stock))
        .with_state(jobs)
        .layer(highlight_axum::layer())
        // Outermost, so that the 500 of a panic is readable in the browser as well.
        .layer(cors())
}

/// Lets a web shop on another origin call this service. Name its origins instead of `Any` in production.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            // The browser client sends the session in the first and its trace in the others; a browser drops a cross-origin
            // request whose headers are not allowed here.
            HeaderName::from_static(highlight::SESSION_HEADER),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("baggage"),
        ])
}

/// Ends at Ctrl-C, and at SIGTERM, which is how containers are stopped.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
