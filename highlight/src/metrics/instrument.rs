//! The instruments behind names: made once, checked against OpenTelemetry's conventions, bounded in number.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;

use super::id::Id;
use super::metric::Metric;
use super::places;
use super::recent;
use super::series::Series;
use super::tags::{Tag, borrowed, sorted};
use crate::context::Correlation;
use crate::export::buffer::Buffer;
use crate::export::stats::DropReason;

/// Metrics that are kept; each may hold 2,000 series, so names made of ids would fill the memory.
const MAX_METRICS: usize = 1_000;

/// As in <https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument>.
const MAX_NAME_BYTES: usize = 255;
const MAX_UNIT_BYTES: usize = 63;

/// What an instrument does with its measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    Histogram,
    UpDownCounter,
}

/// A measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    Double(f64),
    Count(u64),
    Change(i64),
}

impl Value {
    #[inline]
    pub(crate) fn is_finite(self) -> bool {
        match self {
            Value::Double(value) => value.is_finite(),
            Value::Count(_) | Value::Change(_) => true,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
    pub(crate) fn double(self) -> f64 {
        match self {
            Value::Double(value) => value,
            Value::Count(value) => value as f64,
            Value::Change(value) => value as f64,
        }
    }
}

/// Which instrument is asked for. What is not given fits any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) unit: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) buckets: Option<&'a [f64]>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn named(kind: Kind, name: &'a str) -> Self {
        Wanted {
            kind,
            name,
            unit: None,
            description: None,
            buckets: None,
        }
    }
}

/// Why a measurement is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: DropReason,
    pub(crate) text: &'static str,
}

pub(super) const fn invalid(text: &'static str) -> Refusal {
    Refusal {
        reason: DropReason::Invalid,
        text,
    }
}

/// An instrument in use.
#[derive(Debug)]
pub(crate) struct Instrument {
    id: Id,
    kind: Kind,
    name: String,
    unit: Option<String>,
    description: Option<String>,
    buckets: Option<Vec<f64>>,
    metric: Arc<Metric>,
    buffer: Arc<Buffer>,
}

impl Instrument {
    fn new(wanted: &Wanted<'_>, metric: Arc<Metric>, buffer: Arc<Buffer>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Instrument {
            id: Id::new(),
            kind: wanted.kind,
            name: wanted.name.to_owned(),
            unit: owned(wanted.unit),
            description: owned(wanted.description),
            buckets: wanted.buckets.map(<[f64]>::to_vec),
            metric,
            buffer,
        }
    }

    /// False once the SDK that it belongs to was shut down.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.buffer.is_closed()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// Adds a measurement, where this thread did so lately with the same tags: true for the first since the last collection. None where
    /// it didn't.
    pub(crate) fn measure_again(
        &self,
        value: Value,
        tags: &[(&str, &str)],
        exemplar: Option<&Correlation>,
    ) -> Option<bool> {
        recent::with(self.id, tags, |known| {
            self.offer(known.series(), value, exemplar);
            known.cell().add(value)
        })
    }

    /// Has this thread know a series by tags that lead to it.
    pub(super) fn remember(&self, series: &Arc<Series>, tags: &[(&str, &str)]) {
        self.remember_as(self.id, series, tags);
    }

    fn remember_as(&self, id: Id, series: &Arc<Series>, tags: &[(&str, &str)]) {
        recent::remember(series, id, tags);
        // The shutdown turns away whom it finds there: this thread may have come too late for that.
        if !self.is_open() {
            series.turn_away();
        }
    }

    /// Adds a measurement to one of its series. True for the first since the last collection.
    #[inline]
    pub(crate) fn add(
        &self,
        series: &Arc<Series>,
        value: Value,
        exemplar: Option<&Correlation>,
    ) -> bool {
        let by_itself = |known: &places::Known| {
            self.offer(known.series(), value, exemplar);
            known.cell().add(value)
        };
        recent::with(series.id(), &[], by_itself).unwrap_or_else(|| {
            self.add_anew(series, value, exemplar);
            true
        })
    }

    #[cold]
    fn add_anew(&self, series: &Arc<Series>, value: Value, exemplar: Option<&Correlation>) {
        let tags = series.tags().iter().map(borrowed);
        if let Some(series) = self.measure(value, tags, exemplar) {
            self.remember_as(series.id(), &series, &[]);
        }
    }

    /// Adds a measurement to the series of `tags`, which is given back; to that of the rest where there are too many.
    pub(crate) fn measure<'a>(
        &self,
        value: Value,
        tags: impl Iterator<Item = Tag<'a>>,
        exemplar: Option<&Correlation>,
    ) -> Option<Arc<Series>> {
        let tags = sorted(tags);
        loop {
            let Some(series) = self.metric.series.get_sorted(&tags) else {
                self.metric.series.overflow().add(value);
                return None;
            };
            if series.add(value) {
                self.offer(&series, value, exemplar);
                return Some(series);
            }
            // It was let go of just now, and will not be found again.
        }
    }

    #[inline]
    fn offer(&self, series: &Series, value: Value, exemplar: Option<&Correlation>) {
        if let Some(correlation) = exemplar {
            self.metric.series.offer(series, value, correlation);
        }
    }

    /// The series of `tags`; none where there are too many.
    pub(crate) fn series<'a>(&self, tags: impl Iterator<Item = Tag<'a>>) -> Option<Arc<Series>> {
        self.metric.series.get(tags)
    }

    fn fits(&self, wanted: &Wanted<'_>) -> bool {
        let same = |asked: Option<&str>, given: &Option<String>| {
            asked.is_none() || asked == given.as_deref()
        };
        self.kind == wanted.kind
            && same(wanted.unit, &self.unit)
            && same(wanted.description, &self.description)
            && (wanted.buckets.is_none() || wanted.buckets == self.buckets.as_deref())
    }
}

/// All instruments of the SDK's own meter.
#[derive(Debug)]
pub(crate) struct Registry {
    buffer: Arc<Buffer>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Vec<Arc<Instrument>>, RandomState>,
    count: usize,
    /// In the order in which they came.
    metrics: Vec<Arc<Metric>>,
}

impl Known {
    fn find(&self, wanted: &Wanted<'_>) -> Option<Arc<Instrument>> {
        let same_name = self.by_name.get(wanted.name)?;
        same_name.iter().find(|one| one.fits(wanted)).cloned()
    }

    fn metric(&mut self, wanted: &Wanted<'_>) -> Arc<Metric> {
        if let Some(metric) = self.metrics.iter().find(|metric| metric.is_of(wanted)) {
            return Arc::clone(metric);
        }
        let metric = Arc::new(Metric::new(wanted));
        self.metrics.push(Arc::clone(&metric));
        metric
    }
}

impl Registry {
    pub(crate) fn new(buffer: Arc<Buffer>) -> Self {
        Registry {
            buffer,
            known: RwLock::default(),
        }
    }

    /// Whether it made the instrument.
    pub(crate) fn has(&self, instrument: &Instrument) -> bool {
        Arc::ptr_eq(&self.buffer, &instrument.buffer)
    }

    /// The instrument, made on first use.
    pub(crate) fn get(&self, wanted: &Wanted<'_>) -> Result<Arc<Instrument>, Refusal> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(instrument) = known.find(wanted) {
            return Ok(instrument);
        }
        drop(known);
        check(wanted)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(instrument) = known.find(wanted) {
            return Ok(instrument);
        }
        if known.count >= MAX_METRICS {
            return Err(Refusal {
                reason: DropReason::TooManyMetrics,
                text: "1,000 metrics are in use: put what varies into tags",
            });
        }
        let metric = known.metric(wanted);
        let instrument = Arc::new(Instrument::new(wanted, metric, Arc::clone(&self.buffer)));
        known.count += 1;
        let same_name = known.by_name.entry(wanted.name.to_owned()).or_default();
        same_name.push(Arc::clone(&instrument));
        Ok(instrument)
    }

    /// From here on each thread asks anew where its measurements go. To be called when the SDK is shut down.
    pub(crate) fn turn_away(&self) {
        for metric in self.metrics() {
            metric.series.turn_away();
        }
    }

    /// Whether all metrics together have at most so many series.
    pub(crate) fn has_few(&self, most: usize) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut left = Some(most);
        for metric in &known.metrics {
            left = left.and_then(|left| left.checked_sub(metric.series.count().max(1)));
        }
        left.is_some()
    }

    /// All metrics, in the order in which they came.
    pub(crate) fn metrics(&self) -> Vec<Arc<Metric>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.metrics.clone()
    }
}

fn check(wanted: &Wanted<'_>) -> Result<(), Refusal> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let name = wanted.name;
    if name.is_empty() {
        return Err(invalid("a metric needs a name"));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(invalid("a metric's name has at most 255 characters"));
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(invalid("a metric's name starts with a letter from A to Z"));
    }
    if !name.bytes().all(is_allowed) {
        return Err(invalid(
            "a metric's name is made of letters, digits, '_', '.', '-' and '/'",
        ));
    }
    let unit = wanted.unit.unwrap_or_default();
    if unit.len() > MAX_UNIT_BYTES || !unit.is_ascii() {
        return Err(invalid("a unit has at most 63 characters, all ASCII"));
    }
    let buckets = wanted.buckets.unwrap_or_default();
    let increases = buckets.is_sorted_by(|one, next| one < next);
    if !increases || buckets.iter().any(|bound| !bound.is_finite()) {
        return Err(invalid("a histogram's buckets are finite and increase"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
