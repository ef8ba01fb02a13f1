//! The series of a metric, found by their tags as they are given: what a measurement is added to is looked up, never made anew.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::exemplar::{Exemplars, Slot};
use super::instrument::Value;
use super::recent::{MetricId, Threads};
use super::sink::{Bound, Sink};
use super::tags::{Tag, Tags};
use crate::context::Correlation;
use crate::export::proto::Scalar;

/// As many as OpenTelemetry keeps of a metric. More are looked up by OpenTelemetry, and count together under `otel.metric.overflow`.
const MAX_SERIES: usize = 2_000;

/// A set of tags, and where its measurements go.
#[derive(Debug)]
pub(crate) struct Series {
    metric: MetricId,
    hash: u64,
    tags: Tags,
    bound: Bound,
    exemplar: Slot,
    /// Since the last collection.
    used: AtomicBool,
    /// Until it is looked up anew.
    kept: AtomicBool,
    /// It is not let go of when nothing is measured.
    lasts: AtomicBool,
    threads: Threads,
}

impl Series {
    /// False when it is to be looked up anew.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) {
        self.lasts.store(true, Ordering::Relaxed);
    }

    /// True for the first measurement since the last collection.
    #[inline]
    pub(crate) fn measure(&self, value: Value) -> bool {
        self.bound.measure(value);
        let is_first = !self.used.load(Ordering::Relaxed);
        if is_first {
            self.used.store(true, Ordering::Relaxed);
        }
        is_first
    }

    pub(super) fn metric(&self) -> MetricId {
        self.metric
    }

    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    #[inline]
    pub(super) fn is<'a>(&self, tags: impl Iterator<Item = Tag<'a>>) -> bool {
        self.tags.are(tags)
    }
}

/// All series of one metric.
#[derive(Debug)]
pub(crate) struct AllSeries {
    metric: MetricId,
    known: RwLock<HashTable<Arc<Series>>>,
    hashes: RandomState,
    /// Series that have an exemplar since the last collection.
    exemplars: AtomicUsize,
    /// Series that a thread knows by itself.
    recent: Arc<AtomicUsize>,
}

impl AllSeries {
    pub(super) fn new() -> Self {
        AllSeries {
            metric: MetricId::new(),
            known: RwLock::default(),
            hashes: RandomState::default(),
            exemplars: AtomicUsize::new(0),
            recent: Arc::default(),
        }
    }

    #[inline]
    pub(super) fn metric(&self) -> MetricId {
        self.metric
    }

    /// The series of `tags`, which `sink` is bound to when they come for the first time. None where there are too many.
    pub(super) fn get<'a>(
        &self,
        sink: &Sink,
        tags: impl Iterator<Item = Tag<'a>> + Clone,
    ) -> Option<Arc<Series>> {
        let hash = self.hash(tags.clone());
        let is_it = |series: &Arc<Series>| series.is(tags.clone());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.find(hash, is_it) {
            return Some(Arc::clone(series));
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.find(hash, is_it) {
            return Some(Arc::clone(series));
        }
        if known.len() >= MAX_SERIES {
            return None;
        }
        let tags = Tags::new(tags);
        let series = Arc::new(Series {
            metric: self.metric,
            hash,
            bound: sink.bind(&tags.sorted()),
            tags,
            exemplar: Slot::default(),
            used: AtomicBool::new(false),
            kept: AtomicBool::new(true),
            lasts: AtomicBool::new(false),
            threads: Threads::new(&self.recent),
        });
        known.insert_unique(hash, Arc::clone(&series), |series| series.hash);
        Some(series)
    }

    /// Keeps a measurement of `series` if it stands for it better than the one before.
    pub(super) fn offer(
        &self,
        series: &Series,
        value: Value,
        correlation: &Correlation,
        largest: bool,
    ) {
        series
            .exemplar
            .offer(value, correlation, largest, &self.exemplars);
    }

    #[cfg(test)]
    pub(super) fn known_to_threads(&self) -> usize {
        self.recent.load(Ordering::Relaxed)
    }

    /// Takes the exemplars of the interval.
    pub(super) fn exemplars(&self, largest: bool) -> Exemplars {
        let mut exemplars = Exemplars::new();
        if self.exemplars.swap(0, Ordering::AcqRel) == 0 {
            return exemplars;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for series in known.iter() {
            let Some(exemplar) = series.exemplar.take() else {
                continue;
            };
            // The same tags in another order are the same series.
            let tags = series.tags.sorted();
            match exemplars.get(&tags) {
                Some(other) if other.beats(&exemplar, largest) => {}
                _ => {
                    exemplars.insert(tags, exemplar);
                }
            }
        }
        exemplars
    }

    /// Lets go of the series that nothing was measured of since the last time, so that others find room.
    pub(super) fn sweep(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|series| {
            let is_used = series.used.swap(false, Ordering::Relaxed);
            let is_kept = is_used || series.lasts.load(Ordering::Relaxed);
            series.kept.store(is_kept, Ordering::Relaxed);
            is_kept
        });
    }

    /// Lets go of all of them: some may be bound to what counts the overflow, where OpenTelemetry has room by now.
    pub(super) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for series in known.drain() {
            series.kept.store(false, Ordering::Relaxed);
        }
    }

    fn hash<'a>(&self, tags: impl Iterator<Item = Tag<'a>>) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        for (key, value) in tags {
            hasher.write(key.as_bytes());
            match value {
                Scalar::Str(text) => hasher.write(text.as_bytes()),
                Scalar::Int(number) => hasher.write_i64(number),
                Scalar::Double(number) => hasher.write_u64(number.to_bits()),
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::{MeterProvider as _, NoopMeterProvider};

    use super::*;

    fn tags<'a>(
        tags: &'a [(&'a str, Scalar<'a>)],
    ) -> impl Iterator<Item = (&'a str, Scalar<'a>)> + Clone {
        tags.iter().copied()
    }

    #[test]
    fn a_series_is_found_by_its_tags_alone() {
        let meter = NoopMeterProvider::new().meter("test");
        let sink = Sink::Counter(meter.u64_counter("orders").build());
        let all = AllSeries::new();
        let (a, b) = (("a", Scalar::Str("1")), ("b", Scalar::Int(1)));
        let first = all.get(&sink, tags(&[a, b])).unwrap();
        assert!(Arc::ptr_eq(&first, &all.get(&sink, tags(&[a, b])).unwrap()));
        for other in [
            &[][..],
            &[a],
            &[a, ("b", Scalar::Int(2))],
            &[a, ("b", Scalar::Str("1"))],
            &[("a", Scalar::Str("1b")), ("", Scalar::Int(1))],
            &[a, b, b],
        ] {
            let found = all.get(&sink, tags(other)).unwrap();
            assert!(!Arc::ptr_eq(&first, &found), "{other:?}");
        }
    }

    #[test]
    fn a_series_is_let_go_when_an_interval_passes_without_it() {
        let meter = NoopMeterProvider::new().meter("test");
        let sink = Sink::Counter(meter.u64_counter("orders").build());
        let all = AllSeries::new();
        let series = all.get(&sink, tags(&[])).unwrap();
        series.measure(Value::Count(1));
        all.sweep();
        assert!(series.is_kept());
        assert!(Arc::ptr_eq(&series, &all.get(&sink, tags(&[])).unwrap()));
        all.sweep();
        assert!(!series.is_kept());
        assert!(!Arc::ptr_eq(&series, &all.get(&sink, tags(&[])).unwrap()));
    }

    #[test]
    fn a_lasting_series_is_only_let_go_with_all_others() {
        let meter = NoopMeterProvider::new().meter("test");
        let sink = Sink::Counter(meter.u64_counter("orders").build());
        let all = AllSeries::new();
        let series = all.get(&sink, tags(&[])).unwrap();
        series.last();
        all.sweep();
        all.sweep();
        assert!(series.is_kept());
        assert!(Arc::ptr_eq(&series, &all.get(&sink, tags(&[])).unwrap()));
        all.forget();
        assert!(!series.is_kept());
        assert!(!Arc::ptr_eq(&series, &all.get(&sink, tags(&[])).unwrap()));
    }

    #[test]
    fn the_number_of_series_is_bounded_and_there_is_room_again() {
        let meter = NoopMeterProvider::new().meter("test");
        let sink = Sink::Counter(meter.u64_counter("orders").build());
        let all = AllSeries::new();
        let get = |number| all.get(&sink, tags(&[("order", Scalar::Int(number))]));
        for number in 0..2_000 {
            assert!(get(number).is_some());
        }
        assert!(get(2_000).is_none());
        assert!(get(0).is_some());
        all.forget();
        assert!(get(2_000).is_some());
    }
}
