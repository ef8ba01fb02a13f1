//! With the place of the call on each log record.

fn main() {
    harness::run(peer_opentelemetry::start);
}
