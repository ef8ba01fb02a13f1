//! As its documentation sets it up.

fn main() {
    harness::run(peer_opentelemetry::start);
}
