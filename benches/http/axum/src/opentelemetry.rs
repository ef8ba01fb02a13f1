//! axum with `opentelemetry-instrumentation-tower`: server spans and metrics.

fn main() {
    http_axum::run(peer_opentelemetry::start, |app| {
        app.layer(opentelemetry_instrumentation_tower::http::server::Layer::new())
    });
}
