//! actix-web with `opentelemetry-instrumentation-actix-web`: server spans and metrics.

use opentelemetry_instrumentation_actix_web::{RequestMetrics, RequestTracing};

fn main() {
    http_actix::run!(
        peer_opentelemetry::start,
        RequestTracing::new(),
        RequestMetrics::default()
    );
}
