//! As its documentation sets it up.

fn main() {
    peer_opentelemetry::run();
}
