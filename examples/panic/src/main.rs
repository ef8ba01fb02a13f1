//! A print shop where everything panics, and every panic reaches highlight.io: of any thread, with any payload, caught or not.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-panic
//! ```
//!
//! It ends with a panic in `main`. With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as
//! `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Panics so far, as the shop's own hook counts them.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn main() -> Result<(), highlight::Error> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    count_panics();
    day(highlight::Config::new(project)
        .service_name("print-shop")
        .service_version(env!("CARGO_PKG_VERSION")))
}

/// A hook of one's own. `init` puts highlight's in front of it, and both run.
fn count_panics() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        previous(info);
    }));
}

fn day(config: highlight::Config) -> Result<(), highlight::Error> {
    // The panic that ends the day drops it on its way out, and dropping it sends what is queued.
    let _highlight = config.init()?;

    // A thread that ends: the error has its name, and the shop goes on.
    let printer = thread::Builder::new()
        .name("printer".to_owned())
        .spawn(|| print_page(&["cover", "preface"], 2));
    if printer.is_ok_and(|printer| printer.join().is_err()) {
        tracing::warn!("the printer stopped");
    }

    // A panic that is caught is reported all the same, and a payload need not be text.
    if panic::catch_unwind(|| panic::panic_any(507_i32)).is_err() {
        tracing::info!("a cleaner was called");
    }

    let total = count(&[]);
    tracing::info!(total, "closed");
    Ok(())
}

fn count(till: &[u32]) -> u32 {
    let coins = till.iter().copied().reduce(|sum, coin| sum + coin);
    coins.expect("the till is not empty")
}

/// Panics on a page that is not there.
fn print_page(pages: &[&str], number: usize) {
    let page = pages[number];
    tracing::info!(page, "printed");
}
