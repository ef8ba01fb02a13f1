//! One measurement on its way into its series, and the functions that record one by the metric's name.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::MetricSession;
use super::instrument::{Instrument, Kind, Refusal, Registry, Value, Wanted, invalid};
use super::named;
use super::series::Series;
use super::tags::Tag;
use crate::context::Correlation;
use crate::diagnostics::say;
use crate::export::collector::Collector;
use crate::export::log_record::MAX_ATTRIBUTES;
use crate::export::proto::Scalar;
use crate::export::stats::DropReason;
use crate::handle::Highlight;
use crate::http::metrics::{DURATION, HttpInstruments};

/// Longest value of a tag, in bytes: each lives for as long as its series.
const MAX_TAG_BYTES: usize = 1_024;

/// A value for a series that was looked up before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measurement<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) series: &'a Arc<Series>,
    /// Finite.
    pub(crate) value: Value,
    pub(crate) exemplar: Option<&'a Correlation>,
}

/// Where measurements go in.
#[derive(Debug)]
pub(crate) struct Metrics {
    collector: Arc<Collector>,
    session: MetricSession,
    /// Made with the first request; none where requests are not measured.
    http: Option<OnceLock<HttpInstruments>>,
    on: bool,
}

impl Metrics {
    pub(crate) fn new(
        collector: Arc<Collector>,
        session: MetricSession,
        http: bool,
        on: bool,
    ) -> Self {
        Metrics {
            http: http.then(OnceLock::new),
            collector,
            session,
            on,
        }
    }

    /// None where requests are not measured.
    #[inline]
    pub(crate) fn http(&self) -> Option<&HttpInstruments> {
        let http = self.http.as_ref()?;
        if let Some(instruments) = http.get() {
            return Some(instruments);
        }
        self.make_http(http)
    }

    #[cold]
    fn make_http<'a>(&self, http: &'a OnceLock<HttpInstruments>) -> Option<&'a HttpInstruments> {
        match HttpInstruments::new(self.registry()) {
            Ok(instruments) => Some(http.get_or_init(|| instruments)),
            Err(refusal) => {
                self.refuse(DURATION, refusal);
                None
            }
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.collector.registry()
    }

    /// Takes a measurement on behalf of the current session, or drops and counts it.
    pub(crate) fn measure(
        &self,
        name: &str,
        instrument: &Instrument,
        value: Value,
        tags: &[(&str, &str)],
    ) {
        let present = match self.session {
            MetricSession::None => None,
            _ => Correlation::in_a_session(),
        };
        let is_tag =
            self.session == MetricSession::Attribute && instrument.kind() != Kind::UpDownCounter;
        match present.as_ref().and_then(Correlation::session) {
            Some(session) if is_tag => {
                let mut tags: SmallVec<[_; 8]> = tags.into();
                tags.push(("highlight.session_id", session.secure_id()));
                self.take(name, instrument, value, &tags, None);
            }
            _ => self.take(name, instrument, value, tags, present.as_ref()),
        }
    }

    /// Takes a measurement, and keeps it as an exemplar on behalf of a session.
    fn take(
        &self,
        name: &str,
        instrument: &Instrument,
        value: Value,
        tags: &[(&str, &str)],
        exemplar: Option<&Correlation>,
    ) {
        if !self.is_open() {
            return;
        }
        if !value.is_finite() {
            return self.refuse(name, invalid("a value is a finite number"));
        }
        if tags.len() > MAX_ATTRIBUTES as usize {
            return self.refuse(name, invalid("a measurement has at most 128 tags"));
        }
        match instrument.measure_again(value, tags, exemplar) {
            Some(false) => {}
            Some(true) => self.mark(),
            None => {
                look_up(instrument, value, tags, exemplar);
                self.mark();
            }
        }
    }

    /// Takes a finite value for tags of any type, which this thread will not know again.
    #[cold]
    pub(crate) fn take_once<'a>(
        &self,
        instrument: &Instrument,
        value: Value,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
        exemplar: Option<&Correlation>,
    ) {
        if self.is_open() {
            instrument.measure(value, fitting(tags), exemplar);
            self.mark();
        }
    }

    /// Something was measured that nothing was measured of since the last collection.
    pub(crate) fn mark(&self) {
        self.collector.mark();
    }

    /// Takes finite values into series that were looked up before, together.
    #[inline]
    pub(crate) fn add(&self, measurements: &[Option<Measurement<'_>>]) {
        let measurements = measurements.iter().flatten();
        if !self.on {
            return;
        }
        if self.collector.is_closed() {
            return measurements.for_each(|_| self.collector.refuse(DropReason::Shutdown));
        }
        let mut is_first = false;
        for one in measurements {
            is_first |= one.instrument.add(one.series, one.value, one.exemplar);
        }
        if is_first {
            self.mark();
        }
    }

    /// Whether measurements are taken. What comes after the shutdown is counted.
    fn is_open(&self) -> bool {
        if self.on && self.collector.is_closed() {
            self.collector.refuse(DropReason::Shutdown);
            return false;
        }
        self.on
    }

    /// Whether a measurement on behalf of a session leads to it.
    pub(crate) fn has_exemplars(&self) -> bool {
        self.session != MetricSession::None
    }

    /// Drops a measurement, counts it, and tells of the first one.
    pub(crate) fn refuse(&self, name: &str, refusal: Refusal) {
        if self.collector.first_refused(refusal.reason) {
            say(format_args!(
                "a measurement of {:?} was dropped: {}; further ones are counted in Highlight::stats()",
                &name[..name.floor_char_boundary(100)],
                refusal.text
            ));
        }
    }

    fn record(&self, kind: Kind, name: &str, value: Value, tags: &[(&str, &str)]) {
        let measure = |instrument: &Instrument| self.measure(name, instrument, value, tags);
        let registry = self.registry();
        if named::with(registry, kind, name, measure).is_some() {
            return;
        }
        match registry.get(&Wanted::named(kind, name)) {
            Ok(instrument) => {
                measure(&instrument);
                named::remember(instrument);
            }
            Err(refusal) => self.refuse(name, refusal),
        }
    }
}

fn given<'a>(tags: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = Tag<'a>> + Clone {
    tags.iter().map(|(key, value)| (*key, Scalar::Str(value)))
}

/// Adds a measurement to the series of `tags`, and has this thread know it from now on. Only here are tags looked at closely: what is
/// equal to tags that are kept is as good as they are.
#[cold]
fn look_up(
    instrument: &Instrument,
    value: Value,
    tags: &[(&str, &str)],
    exemplar: Option<&Correlation>,
) {
    if let Some(series) = instrument.measure(value, fitting(given(tags)), exemplar) {
        instrument.remember(&series, tags);
    }
}

/// A tag without a name is none, and long ones are cut.
fn fitting<'a>(
    tags: impl Iterator<Item = Tag<'a>> + Clone,
) -> impl Iterator<Item = Tag<'a>> + Clone {
    fn cut(text: &str) -> &str {
        &text[..text.floor_char_boundary(MAX_TAG_BYTES)]
    }
    let named = tags.filter(|(key, _)| !key.is_empty());
    named.map(|(key, value)| {
        let value = match value {
            Scalar::Str(text) => Scalar::Str(cut(text)),
            other => other,
        };
        (cut(key), value)
    })
}

impl Highlight {
    /// Sets a gauge: the latest value of an interval is sent. In the same way as the other `record_` functions it finds the
    /// metric by its name; a [handle](Highlight::gauge) spares the search and has a unit and a description.
    ///
    /// A name starts with a letter, has at most 255 letters, digits, `_`, `.`, `-` and `/`, and is one of at most 1,000. A value is
    /// finite. A metric has at most 2,000 series, which are its different sets of tags; further ones count together under the tag
    /// `otel.metric.overflow`. Tag values are cut at 1,024 bytes. What does not fit is dropped and counted in
    /// [`stats`](Highlight::stats).
    ///
    /// # Examples
    ///
    /// ```
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// highlight.record_metric("queue.length", 17.0, &[("queue", "mail")]);
    /// highlight.record_count("mail.bytes", 2_048, &[]);
    /// highlight.record_incr("mail.sent", &[("kind", "receipt")]);
    /// highlight.record_histogram("mail.duration", 12.5, &[]);
    /// highlight.record_up_down_counter("mail.connections", -1, &[]);
    /// assert_eq!(highlight.stats().dropped_total(), 0);
    /// ```
    pub fn record_metric(&self, name: &str, value: f64, tags: &[(&str, &str)]) {
        self.record(Kind::Gauge, name, Value::Double(value), tags);
    }

    /// Adds to a counter, which only grows: what was added in an interval is sent.
    pub fn record_count(&self, name: &str, count: u64, tags: &[(&str, &str)]) {
        self.record(Kind::Counter, name, Value::Count(count), tags);
    }

    /// Adds one to a counter.
    pub fn record_incr(&self, name: &str, tags: &[(&str, &str)]) {
        self.record_count(name, 1, tags);
    }

    /// Takes a value into a distribution: counts by bucket, sum, smallest and largest of an interval are sent.
    pub fn record_histogram(&self, name: &str, value: f64, tags: &[(&str, &str)]) {
        self.record(Kind::Histogram, name, Value::Double(value), tags);
    }

    /// Adds to a counter that grows and shrinks, or takes from it: its sum since the start is sent.
    pub fn record_up_down_counter(&self, name: &str, change: i64, tags: &[(&str, &str)]) {
        self.record(Kind::UpDownCounter, name, Value::Change(change), tags);
    }

    fn record(&self, kind: Kind, name: &str, value: Value, tags: &[(&str, &str)]) {
        if !self.is_silent() {
            self.0.metrics.record(kind, name, value, tags);
        }
    }
}

/// [`Highlight::record_metric`] on the installed handle; nothing when there is none.
pub fn record_metric(name: &str, value: f64, tags: &[(&str, &str)]) {
    if let Some(highlight) = Highlight::installed() {
        highlight.record_metric(name, value, tags);
    }
}

/// [`Highlight::record_count`] on the installed handle; nothing when there is none.
pub fn record_count(name: &str, count: u64, tags: &[(&str, &str)]) {
    if let Some(highlight) = Highlight::installed() {
        highlight.record_count(name, count, tags);
    }
}

/// [`Highlight::record_incr`] on the installed handle; nothing when there is none.
pub fn record_incr(name: &str, tags: &[(&str, &str)]) {
    if let Some(highlight) = Highlight::installed() {
        highlight.record_incr(name, tags);
    }
}

/// [`Highlight::record_histogram`] on the installed handle; nothing when there is none.
pub fn record_histogram(name: &str, value: f64, tags: &[(&str, &str)]) {
    if let Some(highlight) = Highlight::installed() {
        highlight.record_histogram(name, value, tags);
    }
}

/// [`Highlight::record_up_down_counter`] on the installed handle; nothing when there is none.
pub fn record_up_down_counter(name: &str, change: i64, tags: &[(&str, &str)]) {
    if let Some(highlight) = Highlight::installed() {
        highlight.record_up_down_counter(name, change, tags);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tags::sorted;
    use super::*;

    #[test]
    fn tags_are_made_to_fit() {
        let fit = |tags: &[(&str, &str)]| format!("{:?}", sorted(fitting(given(tags))));
        let exact = |tags: &[(&str, &str)]| format!("{:?}", sorted(given(tags)));
        assert_eq!(fit(&[("a", "1"), ("", "x")]), exact(&[("a", "1")]));
        let long = "é".repeat(MAX_TAG_BYTES);
        let cut = &long[..MAX_TAG_BYTES];
        assert_eq!(fit(&[("a", &long)]), exact(&[("a", cut)]));
    }
}
