//! A service that logs with the `log` crate: its records go to highlight.io with their key-values, and to the console as before.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-log
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;

use env_logger::{Logger, Target};
use highlight_log::Bridge;
use log::LevelFilter;

fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what is still queued.
    let _highlight = highlight::Config::new(project)
        .service_name("stockroom")
        .service_version(env!("CARGO_PKG_VERSION"))
        .init()?;
    // A process has one logger: the bridge is it, and hands every record on to the console.
    Bridge::new()
        .level(LevelFilter::Debug)
        .forward_to(console(Target::Stderr))
        .install()?;

    restock("mugs", "41");
    restock("plates", "a few");
    Ok(())
}

/// The logger that was there before highlight, with a level of its own.
fn console(target: Target) -> Logger {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .target(target)
        .build()
}

fn restock(shelf: &str, delivered: &str) {
    log::debug!(shelf, delivered; "delivery opened");
    match delivered.parse::<u32>() {
        // Key-values are attributes, with their types.
        Ok(count) => log::info!(shelf, count, fragile = true; "restocked"),
        // At level error, an `error` makes the record an error: with type, message and stack.
        Err(error) => log::error!(shelf, error:err; "delivery refused"),
    }
}
