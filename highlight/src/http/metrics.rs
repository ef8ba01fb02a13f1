//! The metrics of HTTP requests, by the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server>).

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use opentelemetry::{Context, KeyValue};

use super::Request;
use crate::context::Correlation;
use crate::handle::Highlight;
use crate::metrics::instrument::{Instrument, Kind, Refusal, Registry, Value, Wanted};

const DURATION: &str = "http.server.request.duration";
const ACTIVE: &str = "http.server.active_requests";

/// The conventions' bounds, in seconds.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The two instruments, made with the first request.
#[derive(Debug, Default)]
pub(crate) struct HttpInstruments(OnceLock<(Arc<Instrument>, Arc<Instrument>)>);

impl HttpInstruments {
    fn get(&self, registry: &Registry) -> Result<&(Arc<Instrument>, Arc<Instrument>), Refusal> {
        if let Some(both) = self.0.get() {
            return Ok(both);
        }
        let duration = registry.get(&Wanted {
            unit: Some("s"),
            description: Some("Duration of HTTP server requests."),
            buckets: Some(&BUCKETS),
            ..Wanted::named(Kind::Histogram, DURATION)
        })?;
        let active = registry.get(&Wanted {
            unit: Some("{request}"),
            description: Some("Number of active HTTP server requests."),
            ..Wanted::named(Kind::UpDownCounter, ACTIVE)
        })?;
        Ok(self.0.get_or_init(|| (duration, active)))
    }
}

/// A request being measured: it is active until this ends, and cancelled when it was not finished before.
#[derive(Debug)]
pub(super) struct HttpMetrics(Option<Active>);

#[derive(Debug)]
struct Active {
    highlight: Highlight,
    duration: Arc<Instrument>,
    in_flight: Arc<Instrument>,
    started: Instant,
    /// Method and scheme.
    attributes: Vec<KeyValue>,
    /// What only the duration has.
    details: Vec<KeyValue>,
    error_type: Option<String>,
    correlation: Correlation,
}

impl HttpMetrics {
    pub(super) fn start(
        highlight: &Highlight,
        request: &impl Request,
        method: Option<&'static str>,
        context: &Context,
    ) -> Self {
        let metrics = &highlight.0.metrics;
        let Some(instruments) = metrics.http().filter(|_| !highlight.is_silent()) else {
            return HttpMetrics(None);
        };
        let (duration, active) = match instruments.get(metrics.registry()) {
            Ok(both) => both.clone(),
            Err(refusal) => {
                metrics.refuse(DURATION, refusal);
                return HttpMetrics(None);
            }
        };
        let attributes = vec![
            KeyValue::new("http.request.method", method.unwrap_or("_OTHER")),
            KeyValue::new("url.scheme", scheme(request.scheme())),
        ];
        let version = request.version().to_owned();
        let mut details = vec![KeyValue::new("network.protocol.version", version)];
        if let Some(route) = request.route() {
            details.push(KeyValue::new("http.route", route.to_owned()));
        }
        let this = Active {
            highlight: highlight.clone(),
            duration,
            in_flight: active,
            started: Instant::now(),
            attributes,
            details,
            error_type: None,
            correlation: Correlation::of(context),
        };
        this.count(1);
        HttpMetrics(Some(this))
    }

    /// The handling failed with an error of this type.
    pub(super) fn fail(&mut self, error_type: &str) {
        if let Some(active) = &mut self.0 {
            active.error_type = Some(error_type.to_owned());
        }
    }

    pub(super) fn finish(&mut self, status: u16) {
        if let Some(mut active) = self.0.take() {
            if status >= 500 && active.error_type.is_none() {
                active.error_type = Some(status.to_string());
            }
            let status = KeyValue::new("http.response.status_code", i64::from(status));
            active.details.push(status);
            active.end();
        }
    }
}

impl Drop for HttpMetrics {
    fn drop(&mut self) {
        if let Some(mut active) = self.0.take() {
            active.error_type = Some("cancelled".to_owned());
            active.end();
        }
    }
}

impl Active {
    fn count(&self, change: i64) {
        let attributes = self.attributes.clone();
        let change = Value::Change(change);
        let metrics = &self.highlight.0.metrics;
        metrics.take(
            ACTIVE,
            &self.in_flight,
            change,
            attributes,
            Correlation::default(),
        );
    }

    fn end(mut self) {
        self.count(-1);
        if let Some(error_type) = self.error_type.take() {
            self.details.push(KeyValue::new("error.type", error_type));
        }
        self.attributes.append(&mut self.details);
        let seconds = Value::Double(self.started.elapsed().as_secs_f64());
        let metrics = &self.highlight.0.metrics;
        metrics.take(
            DURATION,
            &self.duration,
            seconds,
            self.attributes,
            self.correlation,
        );
    }
}

/// A client may write any scheme into its request line; each would be a series.
fn scheme(scheme: &str) -> &'static str {
    if scheme.eq_ignore_ascii_case("https") {
        "https"
    } else {
        "http"
    }
}
