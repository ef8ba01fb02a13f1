//! `sentry` with its `tracing` layers, structured logs and metrics.

use std::time::Duration;

use harness::{ATTRIBUTES, COUNTER, Declined, HISTOGRAM, Peer};
use sentry::integrations::tracing::{LogLayer, SpanLayer};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

struct Sentry(sentry::ClientInitGuard);

impl Peer for Sentry {
    fn capture(&self, error: &Declined) {
        sentry::capture_error(error);
    }

    fn measure(&self, at: u64) {
        let [shop, country] = ATTRIBUTES;
        let orders = sentry::metrics::counter(COUNTER, 1);
        orders
            .attribute(shop.0, shop.1)
            .attribute(country.0, country.1)
            .capture();
        sentry::metrics::distribution(HISTOGRAM, at as f64).capture();
    }

    fn flush(&self) {
        if !self.0.flush(Some(Duration::from_secs(60))) {
            eprintln!("not everything was sent");
        }
    }
}

/// Starts it.
pub fn start(endpoint: &str) -> impl Peer + use<> {
    with_options(endpoint, sentry::ClientOptions::new())
}

/// Starts it so that an error brings the stack of its call.
pub fn start_with_stacks(endpoint: &str) -> impl Peer + use<> {
    with_options(
        endpoint,
        sentry::ClientOptions::new().attach_stacktrace(true),
    )
}

fn with_options(endpoint: &str, options: sentry::ClientOptions) -> Sentry {
    let host = endpoint.trim_start_matches("http://");
    let dsn = format!("http://key@{host}/1").parse().expect("a DSN");
    let mut options = options.traces_sample_rate(1.0);
    options.dsn = Some(dsn);
    #[expect(deprecated, reason = "the log layer sends nothing without it")]
    {
        options.enable_logs = true;
    }
    let guard = sentry::init(options);
    tracing_subscriber::registry()
        .with(SpanLayer::new().with_filter(LevelFilter::INFO))
        .with(LogLayer::new().with_filter(LevelFilter::INFO))
        .init();
    Sentry(guard)
}
