//! What an HTTP server of the benchmarks tells about itself, apart from HTTP.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::time::Duration;

use cpu_time::ProcessTime;

use crate::{Declined, Peer, peak_rss_kib};

/// No SDK at all.
pub struct Bare;

impl Peer for Bare {
    fn capture(&self, _: &Declined) {}
    fn measure(&self, _: u64) {}
    fn flush(&self) {}
}

/// Where to send to: the program's only argument.
pub fn endpoint() -> String {
    std::env::args().nth(1).expect("ENDPOINT")
}

/// Prints where the server listens, and for each line on stdin sends what is queued and prints the processor time that the process has
/// used, as a line of JSON. Ends the process when stdin ends.
pub fn answer(peer: impl Peer + Send + 'static, address: SocketAddr) {
    println!("{address}");
    let begun = ProcessTime::now();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            peer.flush();
            let used: Duration = begun.elapsed();
            let report = serde_json::json!({"process_ns": used.as_nanos() as u64, "peak_rss_kib": peak_rss_kib()});
            println!("{report}");
        }
        std::process::exit(0);
    });
}
