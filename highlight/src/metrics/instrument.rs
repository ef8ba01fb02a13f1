//! The instruments behind names: made once, checked against OpenTelemetry's conventions, bounded in number.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use opentelemetry::metrics::Meter;

use super::exemplar::Exemplars;
use super::recent;
use super::series::{AllSeries, Series};
use super::sink::Sink;
use super::tags::{Tag, Tags};
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
    kind: Kind,
    name: String,
    unit: Option<String>,
    description: Option<String>,
    buckets: Option<Vec<f64>>,
    sink: Sink,
    series: AllSeries,
    buffer: Arc<Buffer>,
}

impl Instrument {
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

    /// Adds a measurement to the series of `tags`.
    pub(crate) fn measure<'a>(
        &self,
        value: Value,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
        exemplar: Option<&Correlation>,
    ) -> Option<Arc<Series>> {
        let series = self.series(tags.clone());
        match &series {
            Some(series) => {
                self.add(series, value, exemplar);
            }
            None => self.sink.measure(value, &Tags::new(tags).sorted()),
        }
        series
    }

    /// The same, where this thread did so lately with the same tags: true for the first since the last collection. None where it
    /// didn't.
    #[inline]
    pub(crate) fn measure_again<'a>(
        &self,
        value: impl Fn() -> Value,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
        exemplar: Option<&Correlation>,
    ) -> Option<bool> {
        let add = |series: &Series| self.add(series, value(), exemplar);
        recent::with(self.series.metric(), tags, add)
    }

    /// Adds a measurement to one of its series. True for the first since the last collection.
    #[inline]
    pub(crate) fn add(
        &self,
        series: &Series,
        value: Value,
        exemplar: Option<&Correlation>,
    ) -> bool {
        if let Some(correlation) = exemplar {
            let largest = self.keeps_largest();
            self.series.offer(series, value, correlation, largest);
        }
        series.measure(value)
    }

    /// The series of `tags`; none where there are too many.
    pub(crate) fn series<'a>(
        &self,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
    ) -> Option<Arc<Series>> {
        self.series.get(&self.sink, tags)
    }

    /// The same, of which there are few, and which is kept for as long as OpenTelemetry has room for it.
    pub(crate) fn lasting_series<'a>(
        &self,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
    ) -> Option<Arc<Series>> {
        self.series(tags).inspect(|series| series.last())
    }

    /// Whether the largest measurement stands for a series, and not the latest.
    fn keeps_largest(&self) -> bool {
        self.kind == Kind::Histogram
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
    meter: Meter,
    buffer: Arc<Buffer>,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Vec<Arc<Instrument>>, RandomState>,
    count: usize,
}

impl Known {
    fn find(&self, wanted: &Wanted<'_>) -> Option<Arc<Instrument>> {
        let same_name = self.by_name.get(wanted.name)?;
        same_name.iter().find(|one| one.fits(wanted)).cloned()
    }
}

impl Registry {
    pub(crate) fn new(meter: Meter, buffer: Arc<Buffer>) -> Self {
        Registry {
            meter,
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
        let instrument = Arc::new(self.make(wanted));
        known.count += 1;
        let same_name = known.by_name.entry(wanted.name.to_owned()).or_default();
        same_name.push(Arc::clone(&instrument));
        Ok(instrument)
    }

    /// Takes the exemplars of a metric.
    pub(crate) fn exemplars(&self, kind: Kind, name: &str) -> Exemplars {
        let mut exemplars = Exemplars::new();
        self.each(kind, name, |one| {
            exemplars.extend(one.series.exemplars(one.keeps_largest()));
        });
        exemplars
    }

    /// Looks up all series of a metric anew.
    pub(crate) fn forget_series(&self, kind: Kind, name: &str) {
        self.each(kind, name, |one| one.series.forget());
    }

    /// Lets go of series that are in use no more.
    pub(crate) fn sweep(&self) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for one in known.by_name.values().flatten() {
            one.series.sweep();
        }
    }

    fn each(&self, kind: Kind, name: &str, work: impl FnMut(&Arc<Instrument>)) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let same_name = known.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let of_kind = same_name.iter().filter(|one| one.kind == kind);
        of_kind.for_each(work);
    }

    fn make(&self, wanted: &Wanted<'_>) -> Instrument {
        let meter = &self.meter;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (name, unit) = (wanted.name.to_owned(), owned(wanted.unit));
        let description = owned(wanted.description);
        macro_rules! build {
            ($builder:expr) => {{
                let mut builder = $builder;
                builder.unit = unit.clone().map(Into::into);
                builder.description = description.clone().map(Into::into);
                builder
            }};
        }
        let sink = match wanted.kind {
            Kind::Gauge => Sink::Gauge(build!(meter.f64_gauge(name)).build()),
            Kind::Counter => Sink::Counter(build!(meter.u64_counter(name)).build()),
            Kind::UpDownCounter => {
                Sink::UpDownCounter(build!(meter.i64_up_down_counter(name)).build())
            }
            Kind::Histogram => {
                let mut builder = build!(meter.f64_histogram(name));
                builder.boundaries = wanted.buckets.map(<[f64]>::to_vec);
                Sink::Histogram(builder.build())
            }
        };
        Instrument {
            kind: wanted.kind,
            name: wanted.name.to_owned(),
            unit,
            description,
            buckets: wanted.buckets.map(<[f64]>::to_vec),
            sink,
            series: AllSeries::new(),
            buffer: Arc::clone(&self.buffer),
        }
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
