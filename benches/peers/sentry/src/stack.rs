//! With a stack on each error, as ours has one.

fn main() {
    harness::run(peer_sentry::start_with_stacks);
}
