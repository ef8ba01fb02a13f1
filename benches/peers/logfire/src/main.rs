//! `logfire`, with `tracing`'s own macros. Its way to report an error is an event at level ERROR.

use std::error::Error;

use harness::{Declined, Peer};
use logfire::config::{AdvancedOptions, SendToLogfire};

struct Pydantic(logfire::Logfire);

impl Peer for Pydantic {
    fn capture(&self, error: &Declined) {
        tracing::error!(error = error as &dyn Error, "card declined");
    }

    fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            eprintln!("{error}");
        }
    }
}

fn main() {
    harness::run(|endpoint| {
        let started = logfire::configure()
            .send_to_logfire(SendToLogfire::Yes)
            .with_token("token")
            .with_service_name("bench")
            .with_console(None)
            .with_metrics(None)
            .with_default_level_filter(tracing_subscriber::filter::LevelFilter::INFO)
            .with_advanced_options(AdvancedOptions::default().with_base_url(endpoint))
            .finish()
            .expect("the settings are right");
        Pydantic(started)
    });
}
