//! The loads, through it.

fn main() {
    harness::run(peer_sentry::start);
}
