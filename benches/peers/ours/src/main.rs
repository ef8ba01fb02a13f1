//! `highlight`, as its README sets it up.

use harness::{Declined, Peer};
use highlight::Guard;

struct Ours(Guard);

impl Peer for Ours {
    fn capture(&self, error: &Declined) {
        self.0.capture_error(error);
    }

    fn flush(&self) {
        if let Err(error) = self.0.flush() {
            eprintln!("{error}");
        }
    }
}

fn main() {
    harness::run(|endpoint| {
        let config = highlight::Config::new("1jdkoe52").service_name("bench").endpoint(endpoint);
        let config = config.shutdown_timeout(std::time::Duration::from_secs(60));
        Ours(config.init().expect("the settings are right"))
    });
}
