//! `highlightio` 1.0.4, the older SDK, as crates.io has it and as its documentation sets it up.
//!
//! Its endpoint is a constant, but `opentelemetry-otlp` 0.14 beneath it prefers the environment's: see [`stay_here`].

use std::env;
use std::net::SocketAddr;

use harness::{Declined, OwnSpans, Peer};
use highlightio::otel::KeyValue;
use highlightio::{Highlight, HighlightConfig, SpanTrait as _};

struct Older(Highlight);

impl Peer for Older {
    fn capture(&self, error: &Declined) {
        self.0.capture_error(error);
    }

    fn measure(&self, _: u64) {
        unreachable!("highlightio 1.0.4 has no metrics");
    }

    fn own_spans(&self) -> Option<&dyn OwnSpans> {
        Some(self)
    }

    fn flush(&self) {
        log::logger().flush();
    }

    /// Its way to send what is left.
    fn finish(&self) {
        self.0.clone().shutdown();
    }
}

/// It takes events from `tracing`, but no spans.
impl OwnSpans for Older {
    fn charge(&self, at: u64, inside: &dyn Fn()) {
        let mut span = self.0.span("charge");
        span.set_attribute(KeyValue::new("cart", "c-17"));
        span.set_attribute(KeyValue::new("total", 12.5));
        span.set_attribute(KeyValue::new("items", at as i64));
        inside();
    }
}

/// Makes the command line's endpoint the environment's, which wins over the crate's constant. To be called before there are threads.
///
/// Nothing can leave the machine: the endpoint has to be on it, and were the constant used all the same, its `https` would go to
/// the same place as to a proxy, and be refused.
pub fn stay_here() {
    let endpoint = env::args().next_back().expect("ENDPOINT");
    let address = endpoint
        .strip_prefix("http://")
        .and_then(|address| address.parse::<SocketAddr>().ok());
    assert!(
        address.is_some_and(|address| address.ip().is_loopback()),
        "{endpoint:?} is not http://ADDRESS:PORT of this machine"
    );
    let leads_elsewhere = |name: &String| {
        name.starts_with("OTEL_EXPORTER_OTLP_") || name.to_ascii_lowercase().ends_with("_proxy")
    };
    let names: Vec<_> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(leads_elsewhere)
        .collect();
    // SAFETY: no other thread is there to read the environment.
    unsafe {
        for name in names {
            env::remove_var(name);
        }
        env::set_var("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
        env::set_var("HTTPS_PROXY", &endpoint);
    }
}

/// Starts it; [`stay_here`] has said where it sends to.
pub fn start(_: &str) -> impl Peer + use<> {
    let config = HighlightConfig {
        project_id: "1jdkoe52".to_owned(),
        service_name: Some("bench".to_owned()),
        ..HighlightConfig::default()
    };
    Older(Highlight::init(config).expect("the settings are right"))
}
