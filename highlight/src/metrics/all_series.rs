//! The series of a metric, found by their tags: bounded in number, let go of when they are in use no more, and collected.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use opentelemetry::KeyValue;

use super::distribution::{Bounds, DEFAULT_BOUNDS};
use super::exemplar::Exemplar;
use super::instrument::{Kind, Value};
use super::series::Series;
use super::tags::{Tag, borrowed, owned, sorted};
use super::total::{Taken, Total};
use crate::context::Correlation;
use crate::export::buffer::lock;
use crate::export::proto::Scalar;

/// Series with tags; more count together under `otel.metric.overflow`, as with OpenTelemetry's SDK.
const MAX_SERIES: usize = 2_000;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct AllSeries {
    kind: Kind,
    bounds: Bounds,
    known: RwLock<HashTable<Arc<Series>>>,
    hashes: RandomState,
    overflow: OnceLock<Arc<Series>>,
    /// What was let go of, but is known to threads that may have measured at that moment.
    leaving: Mutex<Vec<Arc<Series>>>,
    /// Series that have an exemplar since the last collection.
    exemplars: AtomicUsize,
}

/// What one series has come to.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) series: Arc<Series>,
    pub(crate) taken: Taken,
    pub(crate) exemplar: Option<Exemplar>,
}

impl AllSeries {
    pub(super) fn new(kind: Kind, bounds: Option<&[f64]>) -> Self {
        AllSeries {
            kind,
            bounds: Bounds::new(bounds.unwrap_or(&DEFAULT_BOUNDS)),
            known: RwLock::default(),
            hashes: RandomState::default(),
            overflow: OnceLock::new(),
            leaving: Mutex::default(),
            exemplars: AtomicUsize::new(0),
        }
    }

    /// The series of `tags`, whatever their order. None where there are too many.
    pub(super) fn get<'a>(&self, tags: impl Iterator<Item = Tag<'a>>) -> Option<Arc<Series>> {
        self.get_sorted(&sorted(tags))
    }

    /// The same for tags that are [`sorted`].
    pub(super) fn get_sorted(&self, tags: &[Tag<'_>]) -> Option<Arc<Series>> {
        let hash = self.hash(tags);
        let is_it = |series: &Arc<Series>| series.is(tags);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.find(hash, is_it) {
            return Some(Arc::clone(series));
        }
        if self.is_full(&known, tags) {
            return None;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.find(hash, is_it) {
            return Some(Arc::clone(series));
        }
        if self.is_full(&known, tags) {
            return None;
        }
        let series = Arc::new(self.make(hash, tags.iter().map(owned).collect()));
        known.insert_unique(hash, Arc::clone(&series), |series| series.hash);
        Some(series)
    }

    /// How many there are, nearly.
    pub(super) fn count(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.len()
    }

    /// Whether one with these tags finds no room. The one without tags takes none.
    fn is_full(&self, known: &HashTable<Arc<Series>>, tags: &[Tag<'_>]) -> bool {
        if tags.is_empty() || known.len() < MAX_SERIES {
            return false;
        }
        let plain = known.find(self.hash(&[]), |series| series.is(&[]));
        known.len() - usize::from(plain.is_some()) >= MAX_SERIES
    }

    /// Where the measurements of those go that there are too many of.
    pub(super) fn overflow(&self) -> &Arc<Series> {
        self.overflow.get_or_init(|| {
            let tags = [KeyValue::new("otel.metric.overflow", true)];
            Arc::new(self.make(0, tags.into()))
        })
    }

    fn make(&self, hash: u64, tags: Box<[KeyValue]>) -> Series {
        Series::new(hash, tags, Total::new(self.kind, &self.bounds))
    }

    /// Whether the largest measurement stands for a series, and not the latest.
    fn keeps_largest(&self) -> bool {
        self.kind == Kind::Histogram
    }

    /// Keeps a measurement of `series` if it stands for it better than the one before.
    pub(super) fn offer(&self, series: &Series, value: Value, correlation: &Correlation) {
        series.offer(value, correlation, self.keeps_largest(), &self.exemplars);
    }

    /// Takes what was measured since the last time, and lets go of the series that nothing was measured of, so that others find room.
    pub(super) fn take(&self) -> Vec<Point> {
        self.bring_home();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let with_exemplars = self.exemplars.swap(0, Ordering::AcqRel) > 0;
        let point = |series: &Arc<Series>| {
            Some(Point {
                taken: series.take()?,
                exemplar: with_exemplars.then(|| series.exemplar()).flatten(),
                series: Arc::clone(series),
            })
        };
        let mut points: Vec<_> = known.iter().filter_map(point).collect();
        let some_are_idle = points.len() < known.len();
        drop(known);
        points.extend(self.overflow.get().and_then(point));
        if some_are_idle {
            self.let_go();
        }
        points
    }

    /// Has the threads that know some look them up anew.
    pub(super) fn turn_away(&self) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().for_each(|series| series.turn_away());
    }

    fn let_go(&self) {
        let mut leaving = lock(&self.leaving);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|series| {
            let leaves = series.let_go();
            if leaves && series.is_held() {
                leaving.push(Arc::clone(series));
            }
            !leaves
        });
    }

    /// What was measured of a series while it was let go of belongs to the one that has its tags now.
    fn bring_home(&self) {
        let mut leaving = std::mem::take(&mut *lock(&self.leaving));
        leaving.retain(|series| {
            // In this order: a thread that is gone has given all that it had.
            let is_held = series.is_held();
            let mut taken = series.take();
            while taken.is_some() {
                let home = self.get(series.tags().iter().map(borrowed));
                let home = home.as_ref().unwrap_or_else(|| self.overflow());
                home.absorb(&mut taken);
            }
            is_held
        });
        lock(&self.leaving).append(&mut leaving);
    }

    fn hash(&self, sorted: &[Tag<'_>]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        for (key, value) in sorted {
            hasher.write(key.as_bytes());
            match value {
                Scalar::Str(text) => hasher.write(text.as_bytes()),
                Scalar::Int(number) => hasher.write_i64(*number),
                Scalar::Double(number) => hasher.write_u64(number.to_bits()),
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
