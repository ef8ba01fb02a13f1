//! A program whose errors are `anyhow`'s: they reach highlight.io with what was being done, down to the first cause.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 RUST_BACKTRACE=1 cargo run -p example-anyhow -- prices.txt
//! ```
//!
//! `RUST_BACKTRACE=1` lets an error carry the stack of where it was made; without it, it is told where it was captured. With
//! `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use highlight::AnyhowExt as _;

fn main() -> Result<()> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let _highlight = highlight::Config::new(project)
        .service_name("price-list")
        .service_version(env!("CARGO_PKG_VERSION"))
        .init()?;

    let path = env::args()
        .nth(1)
        .unwrap_or_else(|| "prices.txt".to_owned());
    // Reported here, and handed on: main ends with it.
    let list = read(&path).capture()?;
    let total = total(&list);
    tracing::info!(total, "prices added up");
    Ok(())
}

fn read(path: &str) -> Result<String> {
    let list = fs::read_to_string(path).context("the price list cannot be read")?;
    ensure!(!list.is_empty(), "the price list is empty");
    Ok(list)
}

/// Leaves out what it cannot read: each such line is an error that the team sees, and nobody else.
fn total(list: &str) -> u32 {
    let mut total = 0;
    for line in list.lines() {
        // Errors are grouped by their outermost message: what differs from line to line belongs into the causes.
        match price(line).context("a line of the price list is left out") {
            Ok(cents) => total += cents,
            Err(error) => highlight::capture_anyhow(&error),
        }
    }
    total
}

fn price(line: &str) -> Result<u32> {
    let Some((article, cents)) = line.split_once('=') else {
        bail!("no price in {line:?}");
    };
    let cents = cents.trim().parse();
    cents.with_context(|| format!("no number of cents for {article}"))
}
