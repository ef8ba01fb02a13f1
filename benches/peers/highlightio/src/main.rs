//! With its default feature, `sync`.

fn main() {
    peer_highlightio::stay_here();
    harness::run(peer_highlightio::start);
}
