//! A checkout service whose errors, logs and traces go to highlight.io, tied to the shopper's browser session.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-actix -- 127.0.0.1:3000
//! curl -X POST 127.0.0.1:3000/checkout/c-17 -H 'x-highlight-request: tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1'
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

mod routes;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::net::TcpListener;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::web::{Data, get, post};
use actix_web::{App, HttpServer};
use tokio_util::task::TaskTracker;

#[actix_web::main]
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
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("listening on http://{}", listener.local_addr()?);

    let jobs = TaskTracker::new();
    let tracked = jobs.clone();
    // Ends at Ctrl-C, and at SIGTERM, which is how containers are stopped.
    HttpServer::new(move || app(tracked.clone()))
        // A shopper who leaves ends the work on the request, and its span as cancelled.
        .h1_allow_half_closed(false)
        .listen(listener)?
        .run()
        .await?;
    // Background jobs end before the process does, and before the SDK.
    jobs.close();
    jobs.wait().await;
    Ok(())
}

/// The service: its routes inside the highlight middleware, and that inside CORS.
fn app(
    jobs: TaskTracker,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(Data::new(jobs))
        .route("/checkout/{cart}", post().to(routes::checkout))
        .route("/orders/{order}/receipt", post().to(routes::receipt))
        .route("/coupons/{code}", post().to(routes::coupon))
        .route("/refunds/{cents}", post().to(routes::refund))
        .route("/stock/{shelf}", get().to(routes::stock))
        .wrap(highlight_actix::middleware())
        // Outermost, so that the 500 of a panic is readable in the browser as well.
        .wrap(cors())
}

/// Lets a web shop on another origin call this service. Name its origins instead of any in production.
fn cors() -> Cors {
    Cors::default()
        .allow_any_origin()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([
            header::CONTENT_TYPE,
            // The browser client sends the session in the first and its trace in the others; a browser drops a cross-origin
            // request whose headers are not allowed here.
            header::HeaderName::from_static(highlight::SESSION_HEADER),
            header::HeaderName::from_static("traceparent"),
            header::HeaderName::from_static("tracestate"),
            header::HeaderName::from_static("baggage"),
        ])
}
