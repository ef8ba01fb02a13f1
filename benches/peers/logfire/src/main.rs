//! `logfire`, with `tracing`'s own macros. Its way to report an error is an event at level ERROR.

use std::error::Error;

use harness::{ATTRIBUTES, COUNTER, Declined, HISTOGRAM, Peer};
use logfire::config::{AdvancedOptions, MetricsOptions, SendToLogfire};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

struct Pydantic {
    started: logfire::Logfire,
    orders: Counter<u64>,
    total: Histogram<f64>,
}

impl Peer for Pydantic {
    fn capture(&self, error: &Declined) {
        tracing::error!(error = error as &dyn Error, "card declined");
    }

    fn measure(&self, at: u64) {
        self.orders
            .add(1, &ATTRIBUTES.map(|(key, value)| KeyValue::new(key, value)));
        self.total.record(at as f64, &[]);
    }

    fn flush(&self) {
        if let Err(error) = self.started.force_flush() {
            eprintln!("{error}");
        }
    }
}

fn main() {
    // Its metrics need a runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    harness::run(|endpoint| {
        let started = logfire::configure()
            .send_to_logfire(SendToLogfire::Yes)
            .with_token("token")
            .with_service_name("bench")
            .with_console(None)
            .with_metrics(Some(MetricsOptions::default()))
            .with_default_level_filter(tracing_subscriber::filter::LevelFilter::INFO)
            .with_advanced_options(AdvancedOptions::default().with_base_url(endpoint))
            .finish()
            .expect("the settings are right");
        let orders = logfire::u64_counter(COUNTER).build();
        let total = logfire::f64_histogram(HISTOGRAM).build();
        Pydantic {
            started,
            orders,
            total,
        }
    });
}
