//! A program with a `tracing` subscriber of its own: the console shows little, highlight.io gets more, each by its own filter.
//!
//! Run with
//!
//! ```sh
//! CONSOLE=warn RUST_LOG=debug HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-own-subscriber
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::io;

use highlight::Highlight;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt, registry};

fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let highlight = highlight::Config::new(project)
        .service_name("bakery")
        .service_version(env!("CARGO_PKG_VERSION"))
        .own_subscriber()
        .init()?;
    let directives = env::var("CONSOLE").unwrap_or_else(|_| "warn".to_owned());
    let filter = EnvFilter::try_new(directives)?;
    subscriber(&highlight, filter, io::stderr).try_init()?;

    bake("rye", 240);
    bake("wheat", 290);
    Ok(())
}

/// Spans and events go to both. The layer brings the filter of `Config::filter` or `RUST_LOG`; `filter` is the console's alone.
fn subscriber<W>(
    highlight: &Highlight,
    filter: EnvFilter,
    console: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let console = fmt::layer()
        .with_ansi(false)
        .with_writer(console)
        .with_filter(filter);
    registry().with(highlight.layer()).with(console)
}

#[tracing::instrument]
fn bake(bread: &str, degrees: u32) {
    tracing::debug!("the oven is lit");
    if degrees > 280 {
        tracing::warn!(too_hot_by = degrees - 280, "a dark crust");
    }
    tracing::info!("baked");
}
