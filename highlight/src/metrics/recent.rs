//! The series that a thread measured lately: it finds them again without a lock, and without writing to memory that other threads use.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cell::Cell;
use super::instrument::Value;
use super::series::Series;
use super::tags::{Given, glance, spread};

/// Of all metrics together.
const SLOTS: usize = 128;
const SLOT_BITS: u32 = SLOTS.ilog2();

/// Metrics that a thread remembers its last series of, by the lower bits of their ids.
const METRICS: usize = 64;

/// No place.
const NOWHERE: u8 = u8::MAX;

/// Of a thread's measurements of series that it does not know while their places are taken, one in so many takes a place. A thread that
/// goes through more series than it has places does little more for each than look it up.
const PATIENCE: u8 = 16;

thread_local! {
    /// Nothing to be dropped, so that nobody has to ask whether it was.
    static RECENT: ManuallyDrop<RefCell<Recent>> =
        const { ManuallyDrop::new(RefCell::new(Recent::new())) };
    /// What is dropped in its place.
    static LEAVE: Leave = const { Leave };
}

/// A thread that ends knows nothing any more.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        drop(look(|recent| recent.try_borrow_mut().ok()?.known.take()));
    }
}

/// Tells metrics and series apart, those of other SDKs in the process too. None has the default one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u64);

/// An id that may come later.
#[derive(Debug, Default)]
pub(super) struct Later(AtomicU64);

impl Later {
    #[inline]
    pub(super) fn get(&self) -> Id {
        Id(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, id: Id) {
        self.0.store(id.0, Ordering::Relaxed);
    }
}

impl Clone for Later {
    fn clone(&self) -> Self {
        Later(AtomicU64::new(self.get().0))
    }
}

impl Id {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(spread(0, NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Another one for each of as many in a row as there are values.
    #[inline]
    fn low(self) -> usize {
        let [low, ..] = self.0.to_le_bytes();
        low.into()
    }
}

struct Recent {
    known: Option<Box<Places>>,
    /// Where the last series of a metric is: mostly it is measured again, and found there without a look at all of its tags.
    last: [u8; METRICS],
    refused: u8,
}

/// Each series has two.
type Places = [Option<Known>; SLOTS];

/// A series that a thread knows, either by its metric and tags, or by its own id without tags.
pub(super) struct Known {
    id: Id,
    tags: Given,
    cell: Arc<Cell>,
    series: Arc<Series>,
}

/// As `with`, which is not compiled where it is called.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "most of it is known where it is called"
)]
fn look<T>(work: impl FnOnce(&RefCell<Recent>) -> Option<T>) -> Option<T> {
    RECENT.try_with(|recent| work(recent)).ok().flatten()
}

/// Works on what this thread has of a series, if it knows it by these tags.
#[inline]
pub(super) fn with<T>(id: Id, tags: &[(&str, &str)], work: impl FnOnce(&Known) -> T) -> Option<T> {
    look(|recent| {
        let recent = recent.try_borrow().ok()?;
        let places = recent.known.as_deref()?;
        places[find(places, id, tags)?].as_ref().map(work)
    })
}

/// The same for a metric's series, which becomes its last one.
pub(super) fn again<T>(id: Id, tags: &[(&str, &str)], work: impl FnOnce(&Known) -> T) -> Option<T> {
    look(|recent| {
        let mut recent = recent.try_borrow_mut().ok()?;
        let place = find(recent.known.as_deref()?, id, tags)?;
        recent.last[id.low() % METRICS] = u8::try_from(place).unwrap_or(NOWHERE);
        let known = recent.known.as_deref()?.get(place)?;
        known.as_ref().map(work)
    })
}

/// Adds a measurement to a metric's series that this thread measured last, if that has the tags and there is nothing else to do: true
/// for the first since the last collection, None where nothing was done. It is compiled where it is called, so that most of what is
/// known there about the tags is not asked for.
#[inline]
pub(super) fn add_to_last(
    id: Id,
    tags: &[(&str, &str)],
    value: impl FnOnce() -> Value,
) -> Option<bool> {
    look(|recent| {
        // This is shorter than to borrow it as others may do at the same time.
        let recent = recent.try_borrow_mut().ok()?;
        let place = recent.last[id.low() % METRICS];
        let last = recent.known.as_deref()?.get(usize::from(place))?.as_ref()?;
        if last.id == id && last.tags.are_surely(tags) {
            return last.cell.add_at_once(value());
        }
        None
    })
}

/// The place of the series, if it is known.
#[inline]
fn find(places: &Places, id: Id, tags: &[(&str, &str)]) -> Option<usize> {
    // One without tags is found before it would be called for.
    if tags.is_empty() {
        let place = place(id, &[]);
        if let Some(known) = &places[place]
            && known.has(id)
            && known.tags.is_empty()
        {
            return Some(place);
        }
    }
    find_by_tags(places, id, tags)
}

/// What this calls comes last, so that nothing has to be kept on the stack.
#[inline(never)]
fn find_by_tags(places: &Places, id: Id, tags: &[(&str, &str)]) -> Option<usize> {
    let first = place(id, tags);
    match &places[first] {
        Some(known) if known.has(id) && known.tags.are_surely(tags) => Some(first),
        _ => find_closely(places, first, id, tags),
    }
}

/// The same where it had to give its first place to another, or has long tags.
#[inline(never)]
fn find_closely(places: &Places, first: usize, id: Id, tags: &[(&str, &str)]) -> Option<usize> {
    [first, first ^ 1].into_iter().find(|place| {
        let known = places[*place].as_ref();
        known.is_some_and(|known| known.has(id) && known.tags.are(tags))
    })
}

/// Has this thread know the series by these tags.
#[cold]
pub(super) fn remember(series: &Arc<Series>, id: Id, tags: &[(&str, &str)]) {
    if LEAVE.try_with(|_| ()).is_err() {
        return;
    }
    let before = look(|recent| {
        let mut recent = recent.try_borrow_mut().ok()?;
        let free = recent.room(place(id, tags))?;
        let known = Known {
            id,
            tags: Given::new(tags),
            cell: series.cell()?,
            series: Arc::clone(series),
        };
        let places = recent.known.as_deref_mut()?;
        places[free].replace(known)
    });
    // Here, where nothing is borrowed.
    drop(before);
}

impl Recent {
    const fn new() -> Self {
        Recent {
            known: None,
            last: [NOWHERE; METRICS],
            refused: 0,
        }
    }

    /// Where to put what has its first place there.
    fn room(&mut self, first: usize) -> Option<usize> {
        let none = || Box::new([const { None }; SLOTS]);
        let places = self.known.get_or_insert_with(none);
        let is_free = |place: &usize| {
            let known = places[*place].as_ref();
            known.is_none_or(|known| known.cell.is_closed())
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
        places.swap(first, first ^ 1);
        Some(first)
    }
}

#[inline]
fn place(id: Id, tags: &[(&str, &str)]) -> usize {
    let mut hash = id.0;
    for (_, value) in tags {
        hash = spread(hash, glance(value));
    }
    usize::try_from(hash >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

impl Known {
    /// Whether it is of the metric, or is the series itself, and not let go of.
    #[inline]
    fn has(&self, id: Id) -> bool {
        self.id == id && !self.cell.is_closed()
    }

    #[inline]
    pub(super) fn cell(&self) -> &Cell {
        &self.cell
    }

    pub(super) fn series(&self) -> &Series {
        &self.series
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.series.give_back(&self.cell);
    }
}

#[cfg(test)]
mod tests {
    use super::super::all_series::AllSeries;
    use super::super::instrument::{Kind, Value};
    use super::*;
    use crate::export::proto::Scalar;

    fn counters() -> (Id, AllSeries) {
        (Id::new(), AllSeries::new(Kind::Counter, None))
    }

    /// The series of a number, which this thread knows from now on.
    fn remembered((id, all): &(Id, AllSeries), number: i64) -> Arc<Series> {
        let number = number.to_string();
        let series = all.get([("order", Scalar::Str(&number))].into_iter());
        let series = series.unwrap();
        remember(&series, *id, &[("order", &number)]);
        series
    }

    /// Whether this thread knows it.
    fn knows((id, _): &(Id, AllSeries), series: &Arc<Series>, number: i64) -> bool {
        let found = with(*id, &[("order", &number.to_string())], |known| {
            assert!(Arc::ptr_eq(&known.series, series));
        });
        found.is_some()
    }

    #[test]
    fn a_thread_knows_the_series_of_its_own_of_one_metric() {
        let (one, other) = (counters(), counters());
        let series = remembered(&one, 1);
        assert!(knows(&one, &series, 1));
        assert!(!knows(&one, &series, 2));
        let elsewhere = || knows(&one, &series, 1);
        assert!(!std::thread::scope(|scope| scope.spawn(elsewhere).join()).unwrap());
        let of_other = remembered(&other, 1);
        assert!(knows(&one, &series, 1) && knows(&other, &of_other, 1));
    }

    #[test]
    fn as_many_are_known_as_there_are_places_and_who_comes_again_and_again_is() {
        let all = counters();
        let series = |number| (number, remembered(&all, number));
        let many: Vec<_> = (0..1_000).map(series).collect();
        let is_known = |(number, series): &&(i64, Arc<Series>)| knows(&all, series, *number);
        let count = many.iter().filter(is_known).count();
        assert!((SLOTS * 3 / 4..=SLOTS).contains(&count), "{count}");
        let held = many.iter().filter(|(_, series)| series.is_held()).count();
        assert_eq!(held, count, "what another took the place of was given back");
        let stranger = many.iter().find(|one| !is_known(one)).unwrap();
        for _ in 0..PATIENCE {
            remembered(&all, stranger.0);
        }
        assert!(is_known(&stranger));
    }

    #[test]
    fn a_series_that_is_let_go_is_not_found() {
        let all = counters();
        let series = remembered(&all, 1);
        all.1.take();
        assert!(!knows(&all, &series, 1));
        let again = remembered(&all, 1);
        assert!(knows(&all, &again, 1));
        assert!(!series.is_held(), "its place was taken");
        all.1.take();
        assert_eq!(Arc::strong_count(&series), 1, "nobody holds on to it");
    }

    #[test]
    fn a_thread_that_ends_leaves_what_it_measured() {
        let all = counters();
        let thread = || {
            let series = remembered(&all, 1);
            for _ in 0..3 {
                with(all.0, &[("order", "1")], |known| {
                    known.cell().add(Value::Count(2))
                });
            }
            assert!(series.is_held());
            series
        };
        // Joined, it has forgotten all; the scope's end waits for its work alone.
        let series = std::thread::scope(|scope| scope.spawn(thread).join()).unwrap();
        assert!(!series.is_held());
        let points = all.1.take();
        assert!(matches!(
            points[0].taken,
            super::super::total::Taken::Number(Value::Count(6))
        ));
    }
}
