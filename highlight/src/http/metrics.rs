//! The metrics of HTTP requests, by the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-server>).

use std::array::IntoIter;
use std::iter::Flatten;
use std::sync::Arc;
use std::time::Duration;

use super::route::{Key, Route};
use crate::context::Correlation;
use crate::export::proto::Scalar;
use crate::handle::Highlight;
use crate::layer::request::RequestSpan;
use crate::metrics::instrument::{Instrument, Kind, Refusal, Registry, Value, Wanted};
use crate::metrics::record::Measurement;
use crate::metrics::tags::Tag;

pub(crate) const DURATION: &str = "http.server.request.duration";
const ACTIVE: &str = "http.server.active_requests";

/// The conventions' bounds, in seconds.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Where requests are measured.
#[derive(Debug)]
pub(crate) struct HttpInstruments {
    duration: Arc<Instrument>,
    active: Arc<Instrument>,
}

impl HttpInstruments {
    pub(crate) fn new(registry: &Registry) -> Result<Self, Refusal> {
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
        Ok(HttpInstruments { duration, active })
    }
}

/// A request being measured: it is active until this [ends](HttpMetrics::end).
#[derive(Debug)]
pub(super) struct HttpMetrics(Option<Active>);

#[derive(Debug)]
struct Active {
    route: Arc<Route>,
    error_type: Option<String>,
}

impl HttpMetrics {
    #[inline]
    pub(super) fn start(highlight: &Highlight, route: Arc<Route>) -> Self {
        let metrics = &highlight.0.metrics;
        if highlight.is_silent() {
            return HttpMetrics(None);
        }
        let Some(instruments) = metrics.http() else {
            return HttpMetrics(None);
        };
        let measured = Active {
            route,
            error_type: None,
        };
        metrics.add(&[measured.change(&instruments.active, 1)]);
        HttpMetrics(Some(measured))
    }

    /// The handling failed with an error of this type.
    pub(super) fn fail(&mut self, error_type: &str) {
        if let Some(active) = &mut self.0 {
            active.error_type = Some(error_type.to_owned());
        }
    }

    /// The request was answered with `status`; or given up, where there is none. An exemplar leads to its `span`.
    #[inline]
    pub(super) fn end(
        &mut self,
        highlight: &Highlight,
        span: &RequestSpan,
        took: Duration,
        status: Option<u16>,
    ) {
        if let Some(active) = self.0.take() {
            active.end(highlight, span, took, status);
        }
    }
}

impl Active {
    fn end(self, highlight: &Highlight, span: &RequestSpan, took: Duration, status: Option<u16>) {
        let metrics = &highlight.0.metrics;
        let Some(HttpInstruments { duration, active }) = metrics.http() else {
            return;
        };
        let seconds = Value::Double(took.as_secs_f64());
        let leads_there = span.ambient.session().is_some() && metrics.has_exemplars();
        let exemplar = leads_there.then(|| Correlation::of(&span.context));
        let exemplar = exemplar.as_ref();
        let left = self.change(active, -1);
        let plain = status.filter(|_| self.error_type.is_none());
        let is_taken = plain.is_some_and(|status| {
            let find = || self.detailed(Some(status), |tags| duration.series(tags));
            self.route.duration(status, find, |series| {
                let took = Measurement {
                    instrument: duration,
                    series,
                    value: seconds,
                    exemplar,
                };
                metrics.add(&[left, Some(took)]);
            })
        });
        if !is_taken {
            metrics.add(&[left]);
            self.detailed(status, |tags| {
                metrics.take_once(duration, seconds, tags, exemplar);
            });
        }
    }

    /// One more or one less of the requests that are handled; none where there are too many series, which is so for good.
    #[inline]
    fn change<'a>(&'a self, active: &'a Instrument, by: i64) -> Option<Measurement<'a>> {
        let find = || active.series(tags(self.route.key()).into_iter());
        Some(Measurement {
            instrument: active,
            series: self.route.active(find)?,
            value: Value::Change(by),
            exemplar: None,
        })
    }

    /// Shows what the request is told apart by, now that it was answered with `status`; or given up.
    #[cold]
    fn detailed<T>(&self, status: Option<u16>, work: impl FnOnce(Details<'_>) -> T) -> T {
        let of_status;
        let error_type = match status {
            None => Some("cancelled"),
            Some(500..) if self.error_type.is_none() => {
                of_status = status.unwrap_or_default().to_string();
                Some(of_status.as_str())
            }
            Some(_) => self.error_type.as_deref(),
        };
        work(details(self.route.key(), status, error_type))
    }
}

/// What requests are told apart by while they are handled.
fn tags(key: &Key) -> [Tag<'static>; 2] {
    [
        (
            "http.request.method",
            Scalar::Str(key.method.unwrap_or("_OTHER")),
        ),
        ("url.scheme", Scalar::Str(key.scheme)),
    ]
}

type Details<'a> = Flatten<IntoIter<Option<Tag<'a>>, 6>>;

/// What they are told apart by once they are answered, or given up.
fn details<'a>(key: &'a Key, status: Option<u16>, error_type: Option<&'a str>) -> Details<'a> {
    let text = |name, value| (name, Scalar::Str(value));
    let code = |status| ("http.response.status_code", Scalar::Int(i64::from(status)));
    let [method, scheme] = tags(key);
    let route = key.template.as_deref();
    let details = [
        Some(method),
        Some(scheme),
        Some(text("network.protocol.version", key.version)),
        route.map(|route| text("http.route", route)),
        status.map(code),
        error_type.map(|error_type| text("error.type", error_type)),
    ];
    details.into_iter().flatten()
}
