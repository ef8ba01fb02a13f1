//! With the feature `tokio`, as a service with that runtime would have it.

fn main() {
    peer_highlightio::stay_here();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    harness::run(peer_highlightio::start);
}
