//! A shop that asks another service for its stock: the browser's session and trace go with the request.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-outgoing
//! ```
//!
//! and ask it as a browser would:
//!
//! ```sh
//! curl -H 'x-highlight-request: tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/' http://127.0.0.1:3000/buy
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use highlight::propagation::ReqwestMiddleware;
use highlight_axum::HandlerError;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let _highlight = highlight::Config::new(project)
        .service_name("shop")
        // Only our own services learn of our users' sessions.
        .propagate_to(["127.0.0.1", "internal.example"])
        .init()?;

    let stock = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/stock", stock.local_addr()?);
    tokio::spawn(async move { axum::serve(stock, stock_service()).await });

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, shop(url)).await?;
    Ok(())
}

/// What the shop needs to ask for its stock.
#[derive(Clone)]
struct Stock {
    client: ClientWithMiddleware,
    url: String,
}

fn shop(url: String) -> Router {
    let client = ClientBuilder::new(reqwest::Client::new())
        // A client span for each request, and the headers of trace and session.
        .with(ReqwestMiddleware::default())
        .build();
    Router::new()
        .route("/buy", get(buy))
        .with_state(Stock { client, url })
        .layer(highlight_axum::layer())
}

async fn buy(State(stock): State<Stock>) -> Result<String, HandlerError> {
    let left = stock.client.get(&stock.url).send().await?.text().await?;
    tracing::info!(left, "bought");
    Ok(format!("yours; {left} left\n"))
}

/// The other service. It knows of sessions no more than that it has the layer.
fn stock_service() -> Router {
    let count = async || {
        tracing::info!("counted");
        "7"
    };
    Router::new()
        .route("/stock", get(count))
        .layer(highlight_axum::layer())
}
