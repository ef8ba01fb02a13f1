//! The series that a thread measured lately: it finds them again without a lock, and without writing to memory that other threads use.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::series::Series;
use super::tags::{Tag, glance, spread};

/// Of all metrics together.
const SLOTS: usize = 128;
const SLOT_BITS: u32 = SLOTS.ilog2();

/// Series of a metric that threads know. What a thread knows is not let go of while that thread is idle, so this is what may be
/// missing of OpenTelemetry's 2,000 at worst.
const MAX_KNOWN: usize = 200;

/// Of a thread's measurements of series that it does not know while their places are taken, one in so many takes a place. A thread that
/// goes through more series than it has places does little more for each than look it up.
const PATIENCE: u8 = 16;

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent::new()) };
}

/// Tells metrics apart, those of other SDKs in the process too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetricId(u64);

impl MetricId {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        MetricId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Each has two places.
struct Recent {
    known: [Option<Known>; SLOTS],
    refused: u8,
}

/// Works on the series of a metric if this thread knows it by these tags.
#[inline]
pub(super) fn with<'a, T>(
    metric: MetricId,
    tags: impl Iterator<Item = Tag<'a>> + Clone,
    work: impl FnOnce(&Series) -> T,
) -> Option<T> {
    let find = |recent: &RefCell<Recent>| {
        let recent = recent.try_borrow().ok()?;
        let first = place(metric, tags.clone());
        let series = match &recent.known[first] {
            Some(Known(series)) if is_it(series, metric, tags.clone()) => series,
            _ => recent.second(first, metric, tags)?,
        };
        Some(work(series))
    };
    // A thread that ends knows nothing any more.
    RECENT.try_with(find).ok().flatten()
}

impl Recent {
    const fn new() -> Self {
        Recent {
            known: [const { None }; SLOTS],
            refused: 0,
        }
    }

    /// The series, if it had to give its first place to another.
    #[inline(never)]
    fn second<'a>(
        &self,
        first: usize,
        metric: MetricId,
        tags: impl Iterator<Item = Tag<'a>>,
    ) -> Option<&Arc<Series>> {
        let Known(series) = self.known[first ^ 1].as_ref()?;
        is_it(series, metric, tags).then_some(series)
    }

    fn remember(&mut self, first: usize, series: &Arc<Series>) {
        let Some(place) = self.room(first) else {
            return;
        };
        self.known[place] = None;
        self.known[place] = Known::new(series);
        if self.known[place].is_none() {
            for known in &mut self.known {
                known.take_if(|Known(series)| !series.is_kept());
            }
        }
    }

    fn room(&mut self, first: usize) -> Option<usize> {
        let is_free = |place: &usize| {
            let known = self.known[*place].as_ref();
            known.is_none_or(|Known(series)| !series.is_kept())
        };
        let free = [first, first ^ 1].into_iter().find(is_free);
        if free.is_some() {
            return free;
        }
        self.refused = (self.refused + 1) % PATIENCE;
        if self.refused != 0 {
            return None;
        }
        // The one that came last stays.
        self.known.swap(first, first ^ 1);
        Some(first)
    }
}

#[inline]
fn is_it<'a>(series: &Series, metric: MetricId, tags: impl Iterator<Item = Tag<'a>>) -> bool {
    series.metric() == metric && series.is_kept() && series.is(tags)
}

/// Has this thread know the series by these tags.
#[cold]
pub(super) fn remember<'a>(series: &Arc<Series>, tags: impl Iterator<Item = Tag<'a>>) {
    let first = place(series.metric(), tags);
    let remember = |recent: &RefCell<Recent>| {
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.remember(first, series);
        }
    };
    let _ = RECENT.try_with(remember);
}

#[inline]
fn place<'a>(metric: MetricId, tags: impl Iterator<Item = Tag<'a>>) -> usize {
    let mut hash = spread(0, metric.0);
    for (_, value) in tags {
        hash = spread(hash, glance(value));
    }
    usize::try_from(hash >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

/// A series that a thread knows.
struct Known(Arc<Series>);

impl Known {
    /// None where too many are known.
    fn new(series: &Arc<Series>) -> Option<Self> {
        let Threads { here, of_metric } = series.threads();
        let is_first = here.fetch_add(1, Ordering::Relaxed) == 0;
        let others = if is_first {
            of_metric.fetch_add(1, Ordering::Relaxed)
        } else {
            0
        };
        let known = Known(Arc::clone(series));
        (others < MAX_KNOWN).then_some(known)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let Threads { here, of_metric } = self.0.threads();
        if here.fetch_sub(1, Ordering::Relaxed) == 1 {
            of_metric.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Who knows a series.
#[derive(Debug)]
pub(super) struct Threads {
    here: AtomicUsize,
    /// Series of the same metric that any thread knows.
    of_metric: Arc<AtomicUsize>,
}

impl Threads {
    pub(super) fn new(of_metric: &Arc<AtomicUsize>) -> Self {
        Threads {
            here: AtomicUsize::new(0),
            of_metric: Arc::clone(of_metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::{MeterProvider as _, NoopMeterProvider};

    use super::super::series::AllSeries;
    use super::super::sink::Sink;
    use super::*;
    use crate::export::proto::Scalar;

    fn counter() -> Sink {
        let meter = NoopMeterProvider::new().meter("test");
        Sink::Counter(meter.u64_counter("orders").build())
    }

    /// The series of a number, which this thread knows from now on.
    fn remembered(all: &AllSeries, number: i64) -> Arc<Series> {
        let tags = [("order", Scalar::Int(number))];
        let series = all.get(&counter(), tags.into_iter()).unwrap();
        remember(&series, tags.into_iter());
        series
    }

    /// Whether this thread knows it.
    fn knows(series: &Arc<Series>, number: i64) -> bool {
        let tags = [("order", Scalar::Int(number))];
        let found = with(series.metric(), tags.into_iter(), |found| {
            assert!(std::ptr::eq(found, &raw const **series));
        });
        found.is_some()
    }

    #[test]
    fn a_thread_knows_the_series_of_its_own_of_one_metric() {
        let (one, other) = (AllSeries::new(), AllSeries::new());
        let series = remembered(&one, 1);
        assert!(knows(&series, 1));
        assert!(!knows(&series, 2));
        assert!(!std::thread::scope(|scope| scope.spawn(|| knows(&series, 1)).join()).unwrap());
        let of_other = remembered(&other, 1);
        assert!(knows(&series, 1) && knows(&of_other, 1));
    }

    #[test]
    fn as_many_are_known_as_there_are_places_and_who_comes_again_and_again_is() {
        let all = AllSeries::new();
        let series = |number| (number, remembered(&all, number));
        let many: Vec<_> = (0..1_000).map(series).collect();
        let is_known = |(number, series): &&(i64, Arc<Series>)| knows(series, *number);
        let count = many.iter().filter(is_known).count();
        assert!((SLOTS * 3 / 4..=SLOTS).contains(&count), "{count}");
        let stranger = many.iter().find(|one| !is_known(one)).unwrap();
        for _ in 0..PATIENCE {
            remembered(&all, stranger.0);
        }
        assert!(is_known(&stranger));
    }

    #[test]
    fn a_series_that_is_let_go_is_not_found() {
        let all = AllSeries::new();
        let series = remembered(&all, 1);
        all.forget();
        assert!(!knows(&series, 1));
        let again = remembered(&all, 1);
        assert!(knows(&again, 1));
        assert_eq!(Arc::strong_count(&series), 1, "nobody holds on to it");
    }

    #[test]
    fn idle_threads_hold_on_to_a_few_series_and_to_none_when_they_have_ended() {
        let all = AllSeries::new();
        let barrier = std::sync::Barrier::new(9);
        std::thread::scope(|scope| {
            let (all, barrier) = (&all, &barrier);
            let idle = |thread: i64| {
                scope.spawn(move || {
                    for number in 0..50 {
                        remembered(all, thread * 50 + number);
                    }
                    barrier.wait();
                    barrier.wait();
                })
            };
            let threads: Vec<_> = (0..8).map(idle).collect();
            barrier.wait();
            let held = all.known_to_threads();
            assert!((MAX_KNOWN / 2..=MAX_KNOWN).contains(&held), "{held}");
            barrier.wait();
            // Joined, they have forgotten all; the scope's end waits for their work alone.
            for thread in threads {
                thread.join().unwrap();
            }
        });
        assert_eq!(all.known_to_threads(), 0);
    }
}
