//! Handles to metrics: looked up once, described with unit and text, cheap to use again and again.

pub(crate) mod all_series;
mod cell;
pub(crate) mod distribution;
pub(crate) mod exemplar;
mod id;
pub(crate) mod instrument;
pub(crate) mod metric;
mod named;
pub(crate) mod observed;
mod places;
#[cfg(feature = "process-metrics")]
pub(crate) mod process;
pub(crate) mod provider;
mod recent;
pub(crate) mod record;
mod recorder;
pub(crate) mod sdk;
pub(crate) mod series;
pub(crate) mod tags;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "tokio-metrics")]
pub(crate) mod tokio;
pub(crate) mod total;

use std::sync::{Arc, OnceLock};

use crate::context;
use crate::handle::Highlight;
use instrument::{Instrument, Kind, Value, Wanted};

/// How a measurement that is made on behalf of a session leads to it.
///
/// | | what is sent | series |
/// |---|---|---|
/// | [`Exemplar`](MetricSession::Exemplar) | one measurement per series and interval, with its trace and session | no more |
/// | [`Attribute`](MetricSession::Attribute) | attribute `highlight.session_id` on the data point | one for each session |
/// | [`None`](MetricSession::None) | nothing | no more |
///
/// A histogram's exemplar is its largest measurement of the interval (the slowest request, say), any other metric's the latest.
/// At most 64 series of a metric have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MetricSession {
    /// As the exemplar of its series.
    #[default]
    Exemplar,
    /// As an attribute. Every session then makes a series of its own: from 2,000 in an interval on, further ones count together
    /// under the attribute `otel.metric.overflow`. Up-down counters, which keep their series for as long as the process runs, and
    /// the metrics of HTTP requests have exemplars all the same.
    Attribute,
    /// Not at all.
    None,
}

/// What is shared by all handles.
#[derive(Debug, Clone)]
struct Handle {
    /// None stands for the installed one, whenever that is.
    highlight: Option<Highlight>,
    kind: Kind,
    name: String,
    unit: Option<String>,
    description: Option<String>,
    buckets: Option<Vec<f64>>,
    instrument: OnceLock<Arc<Instrument>>,
    /// Of the instrument that was measured last: that, or one of a later SDK.
    last: id::Later,
}

impl Handle {
    fn new(highlight: Option<&Highlight>, kind: Kind, name: &str) -> Self {
        Handle {
            highlight: highlight.cloned(),
            kind,
            name: name.to_owned(),
            unit: None,
            description: None,
            buckets: None,
            instrument: OnceLock::new(),
            last: id::Later::default(),
        }
    }

    /// It is described anew, so it is another one.
    fn forget(&mut self) {
        self.instrument = OnceLock::new();
        self.last = id::Later::default();
    }

    /// The value comes as a function, of which there is one for each kind of handle: so this is compiled for each by itself.
    #[inline]
    fn record(&self, value: impl Fn() -> Value, tags: &[(&str, &str)]) {
        if value().is_finite()
            && !context::is_in_a_session()
            && let Some(is_first) = recent::add_at_once(self.last.get(), tags, &value)
        {
            if is_first {
                self.mark();
            }
            return;
        }
        self.record_again(value(), tags);
    }

    #[inline(never)]
    fn record_again(&self, value: Value, tags: &[(&str, &str)]) {
        // A thread that measured this before knows all there is to ask, but for what may have changed since.
        if let Some(instrument) = self.instrument.get()
            && instrument.is_open()
            && value.is_finite()
            && !context::is_in_a_session()
            && let Some(is_first) = instrument.measure_again(value, tags, None)
        {
            if is_first {
                self.mark();
            }
            return;
        }
        self.record_anew(value, tags);
    }

    fn highlight(&self) -> Option<&Highlight> {
        self.highlight.as_ref().or_else(|| Highlight::installed())
    }

    #[cold]
    fn mark(&self) {
        if let Some(highlight) = self.highlight() {
            highlight.0.metrics.mark();
        }
    }

    #[inline(never)]
    fn record_anew(&self, value: Value, tags: &[(&str, &str)]) {
        let Some(highlight) = self.highlight() else {
            return;
        };
        if highlight.is_silent() {
            return;
        }
        let metrics = &highlight.0.metrics;
        // The installed handle may be another one by now.
        let own = |one: &&Arc<Instrument>| metrics.registry().has(one);
        if let Some(instrument) = self.instrument.get().filter(own) {
            self.last.set(instrument.id());
            return metrics.measure(&self.name, instrument, value, tags);
        }
        let wanted = Wanted {
            kind: self.kind,
            name: &self.name,
            unit: self.unit.as_deref(),
            description: self.description.as_deref(),
            buckets: self.buckets.as_deref(),
        };
        match metrics.registry().get(&wanted) {
            Ok(instrument) => {
                self.instrument.get_or_init(|| Arc::clone(&instrument));
                self.last.set(instrument.id());
                metrics.measure(&self.name, &instrument, value, tags);
            }
            Err(refusal) => metrics.refuse(&self.name, refusal),
        }
    }
}

macro_rules! handle {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone)]
        #[must_use = "a metric that is never recorded is never sent"]
        pub struct $name(Handle);

        impl $name {
            /// The unit, as in <https://ucum.org>: `ms`, `By`, or a thing in braces, such as `{order}`.
            pub fn unit(mut self, unit: impl Into<String>) -> Self {
                self.0.unit = Some(unit.into());
                self.0.forget();
                self
            }

            /// What is measured, for people.
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.0.description = Some(description.into());
                self.0.forget();
                self
            }
        }
    };
}

handle! {
    /// A value that is as it is, such as a temperature or the length of a queue: the latest one of an interval is sent.
    /// From [`Highlight::gauge`].
    Gauge
}

handle! {
    /// A count that only grows: what was added in an interval is sent. From [`Highlight::counter`].
    Counter
}

handle! {
    /// The distribution of values, such as durations: counts by bucket, sum, smallest and largest of an interval are sent. From
    /// [`Highlight::histogram`].
    Histogram
}

handle! {
    /// A count that grows and shrinks, such as requests being handled: its sum since the start is sent. From
    /// [`Highlight::up_down_counter`].
    UpDownCounter
}

impl Gauge {
    /// Sets the value. One that is not finite is dropped and counted.
    #[inline]
    pub fn record(&self, value: f64, tags: &[(&str, &str)]) {
        self.0.record(|| Value::Double(value), tags);
    }
}

impl Counter {
    /// Adds to the count.
    #[inline]
    pub fn add(&self, count: u64, tags: &[(&str, &str)]) {
        self.0.record(|| Value::Count(count), tags);
    }

    /// Adds one.
    #[inline]
    pub fn incr(&self, tags: &[(&str, &str)]) {
        self.add(1, tags);
    }
}

impl Histogram {
    /// The upper bounds of the buckets, increasing. OpenTelemetry's default ones run from 0 to 10,000, which fits milliseconds.
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.0.buckets = Some(bounds.into());
        self.0.forget();
        self
    }

    /// Takes a value in. One that is not finite is dropped and counted.
    #[inline]
    pub fn record(&self, value: f64, tags: &[(&str, &str)]) {
        self.0.record(|| Value::Double(value), tags);
    }
}

impl UpDownCounter {
    /// Adds to the count, or takes from it.
    #[inline]
    pub fn add(&self, change: i64, tags: &[(&str, &str)]) {
        self.0.record(|| Value::Change(change), tags);
    }
}

impl Highlight {
    /// A handle to a gauge.
    pub fn gauge(&self, name: &str) -> Gauge {
        Gauge(Handle::new(Some(self), Kind::Gauge, name))
    }

    /// A handle to a counter.
    pub fn counter(&self, name: &str) -> Counter {
        Counter(Handle::new(Some(self), Kind::Counter, name))
    }

    /// A handle to a histogram.
    ///
    /// # Examples
    ///
    /// ```
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// let checkout = highlight
    ///     .histogram("checkout.duration")
    ///     .unit("s")
    ///     .description("From the basket to the receipt")
    ///     .buckets([0.1, 0.5, 1.0, 5.0]);
    /// checkout.record(0.7, &[("shop", "berlin")]);
    /// checkout.record(f64::NAN, &[]);
    /// # let reason = highlight::DropReason::Invalid;
    /// # assert_eq!(highlight.stats().dropped(highlight::Signal::Metrics, reason), 1);
    /// ```
    pub fn histogram(&self, name: &str) -> Histogram {
        Histogram(Handle::new(Some(self), Kind::Histogram, name))
    }

    /// A handle to an up-down counter.
    pub fn up_down_counter(&self, name: &str) -> UpDownCounter {
        UpDownCounter(Handle::new(Some(self), Kind::UpDownCounter, name))
    }
}

/// [`Highlight::gauge`] of the handle that is installed when it is recorded; a no-op where there is none.
pub fn gauge(name: &str) -> Gauge {
    Gauge(Handle::new(None, Kind::Gauge, name))
}

/// [`Highlight::counter`] of the handle that is installed when it is recorded; a no-op where there is none.
///
/// # Examples
///
/// ```
/// use std::sync::LazyLock;
///
/// static ORDERS: LazyLock<highlight::Counter> =
///     LazyLock::new(|| highlight::counter("shop.orders").unit("{order}"));
///
/// ORDERS.incr(&[("currency", "eur")]);
/// assert_eq!(highlight::stats().dropped_total(), 0, "without an SDK, nothing happens");
/// ```
pub fn counter(name: &str) -> Counter {
    Counter(Handle::new(None, Kind::Counter, name))
}

/// [`Highlight::histogram`] of the handle that is installed when it is recorded; a no-op where there is none.
pub fn histogram(name: &str) -> Histogram {
    Histogram(Handle::new(None, Kind::Histogram, name))
}

/// [`Highlight::up_down_counter`] of the handle that is installed when it is recorded; a no-op where there is none.
pub fn up_down_counter(name: &str) -> UpDownCounter {
    UpDownCounter(Handle::new(None, Kind::UpDownCounter, name))
}
