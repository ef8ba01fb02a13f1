//! With the place of the call on each log record.

fn main() {
    peer_opentelemetry::run();
}
