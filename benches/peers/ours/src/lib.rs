//! `highlight`, as its README sets it up.

use harness::{ATTRIBUTES, COUNTER, Declined, HISTOGRAM, Peer};
use highlight::{Counter, Guard, Histogram};

struct Ours {
    guard: Guard,
    orders: Counter,
    total: Histogram,
}

impl Peer for Ours {
    fn capture(&self, error: &Declined) {
        self.guard.capture_error(error);
    }

    fn measure(&self, at: u64) {
        self.orders.add(1, &ATTRIBUTES);
        self.total.record(at as f64, &[]);
    }

    fn flush(&self) {
        if let Err(error) = self.guard.flush() {
            eprintln!("{error}");
        }
    }
}

/// Starts it.
pub fn start(endpoint: &str) -> impl Peer + use<> {
    let config = highlight::Config::new("1jdkoe52")
        .service_name("bench")
        .endpoint(endpoint);
    let config = config.shutdown_timeout(std::time::Duration::from_secs(60));
    let guard = config.init().expect("the settings are right");
    Ours {
        guard,
        orders: highlight::counter(COUNTER),
        total: highlight::histogram(HISTOGRAM),
    }
}
