//! A coffee machine that counts: counters, gauges and histograms, by name and by handle.
//!
//! Run with
//!
//! ```sh
//! HIGHLIGHT_PROJECT_ID=1jdkoe52 cargo run -p example-metrics
//! ```
//!
//! With `HIGHLIGHT_OTLP_ENDPOINT=http://127.0.0.1:4318` it sends to a server of your own, such as `server-mock`.

#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::sync::LazyLock;

use highlight::Histogram;

/// A handle costs less than a name where something is measured often; it may be made before `init`.
static BREWING: LazyLock<Histogram> = LazyLock::new(|| {
    highlight::histogram("coffee.brewing.duration")
        .unit("s")
        .description("From the button to the last drop.")
});

fn main() -> Result<(), Box<dyn Error>> {
    let project = env::var("HIGHLIGHT_PROJECT_ID").unwrap_or_else(|_| "1jdkoe52".to_owned());
    // Held until the end of main: dropping it sends what was measured, however short the interval was.
    let _highlight = highlight::Config::new(project)
        .service_name("coffee-machine")
        .init()?;
    for seconds in [24.5, 26.0, 31.25] {
        brew("espresso", seconds);
    }
    Ok(())
}

fn brew(drink: &str, seconds: f64) {
    highlight::record_up_down_counter("coffee.brewing.active", 1, &[]);
    BREWING.record(seconds, &[("drink", drink)]);
    highlight::record_incr("coffee.cups", &[("drink", drink)]);
    highlight::record_count("coffee.beans", 57, &[]);
    highlight::record_metric("coffee.boiler.temperature", 93.5, &[]);
    highlight::record_up_down_counter("coffee.brewing.active", -1, &[]);
}
