//! The metrics of HTTP requests, by the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server>).

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use opentelemetry::Context;

use super::Request;
use crate::context::{Ambient, Correlation};
use crate::export::proto::Scalar;
use crate::handle::Highlight;
use crate::metrics::instrument::{Instrument, Kind, Refusal, Registry, Value, Wanted};
use crate::metrics::series::{Series, Tag};

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
    /// Among the requests that are handled; none where there are too many series.
    in_flight: Option<Arc<Series>>,
    started: Instant,
    method: &'static str,
    scheme: &'static str,
    version: &'static str,
    route: Option<String>,
    error_type: Option<String>,
    /// Where an exemplar leads to.
    correlation: Option<Correlation>,
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
            Ok(both) => both,
            Err(refusal) => {
                metrics.refuse(DURATION, refusal);
                return HttpMetrics(None);
            }
        };
        let method = method.unwrap_or("_OTHER");
        let scheme = scheme(request.scheme());
        let in_flight = active.series(tags(method, scheme).into_iter());
        if let Some(series) = &in_flight {
            metrics.change(series, 1);
        }
        let in_a_session = || Ambient::of(context).session().is_some();
        HttpMetrics(Some(Active {
            highlight: highlight.clone(),
            duration: Arc::clone(duration),
            in_flight,
            started: Instant::now(),
            method,
            scheme,
            version: request.version(),
            route: request.route().map(str::to_owned),
            error_type: None,
            correlation: (metrics.has_exemplars() && in_a_session())
                .then(|| Correlation::of(context)),
        }))
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
            active.end(Some(status));
        }
    }
}

impl Drop for HttpMetrics {
    fn drop(&mut self) {
        if let Some(mut active) = self.0.take() {
            active.error_type = Some("cancelled".to_owned());
            active.end(None);
        }
    }
}

impl Active {
    fn end(self, status: Option<u16>) {
        let metrics = &self.highlight.0.metrics;
        if let Some(series) = &self.in_flight {
            metrics.change(series, -1);
        }
        let text = |name, value| Some((name, Scalar::Str(value)));
        let [method, scheme] = tags(self.method, self.scheme);
        let tags = [
            Some(method),
            Some(scheme),
            text("network.protocol.version", self.version),
            self.route
                .as_deref()
                .and_then(|route| text("http.route", route)),
            status.map(|status| ("http.response.status_code", Scalar::Int(i64::from(status)))),
            self.error_type
                .as_deref()
                .and_then(|error_type| text("error.type", error_type)),
        ];
        let seconds = Value::Double(self.started.elapsed().as_secs_f64());
        metrics.take(
            DURATION,
            &self.duration,
            seconds,
            tags.into_iter().flatten(),
            self.correlation.as_ref(),
        );
    }
}

/// What requests are told apart by while they are handled.
fn tags(method: &'static str, scheme: &'static str) -> [Tag<'static>; 2] {
    [
        ("http.request.method", Scalar::Str(method)),
        ("url.scheme", Scalar::Str(scheme)),
    ]
}

/// A client may write any scheme into its request line; each would be a series.
fn scheme(scheme: &str) -> &'static str {
    if scheme.eq_ignore_ascii_case("https") {
        "https"
    } else {
        "http"
    }
}
