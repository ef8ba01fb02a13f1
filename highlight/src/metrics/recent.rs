//! The series that a thread measured lately: it finds them again without a lock, and without writing to memory that other threads use.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cell::Cell;
use super::series::Series;
use super::tags::{Given, glance, spread};

/// Of all metrics together.
const SLOTS: usize = 128;
const SLOT_BITS: u32 = SLOTS.ilog2();

/// Of a thread's measurements of series that it does not know while their places are taken, one in so many takes a place. A thread that
/// goes through more series than it has places does little more for each than look it up.
const PATIENCE: u8 = 16;

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent::new()) };
}

/// Tells metrics and series apart, those of other SDKs in the process too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u64);

impl Id {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Id(spread(0, NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Each has two places.
struct Recent {
    known: Option<Box<Places>>,
    refused: u8,
}

type Places = [Option<Known>; SLOTS];

/// A series that a thread knows, either by its metric and tags, or by its own id without tags.
pub(super) struct Known {
    id: Id,
    tags: Given,
    cell: Arc<Cell>,
    series: Arc<Series>,
}

/// Works on what this thread has of a series, if it knows it by these tags.
#[inline]
pub(super) fn with<T>(id: Id, tags: &[(&str, &str)], work: impl FnOnce(&Known) -> T) -> Option<T> {
    let find = |recent: &RefCell<Recent>| {
        let recent = recent.try_borrow().ok()?;
        let places = recent.known.as_deref()?;
        Some(work(find(places, id, tags)?))
    };
    // A thread that ends knows nothing any more.
    RECENT.try_with(find).ok().flatten()
}

/// The series, if it is known.
#[inline]
fn find<'a>(places: &'a Places, id: Id, tags: &[(&str, &str)]) -> Option<&'a Known> {
    // One without tags is found before it would be called for.
    if tags.is_empty()
        && let Some(known) = &places[place(id, &[])]
        && known.has(id)
        && known.tags.is_empty()
    {
        return Some(known);
    }
    find_by_tags(places, id, tags)
}

/// What this calls comes last, so that nothing has to be kept on the stack.
#[inline(never)]
fn find_by_tags<'a>(places: &'a Places, id: Id, tags: &[(&str, &str)]) -> Option<&'a Known> {
    let first = place(id, tags);
    match &places[first] {
        Some(known) if known.has(id) && known.tags.are_surely(tags) => Some(known),
        _ => find_closely(places, first, id, tags),
    }
}

/// The same where it had to give its first place to another, or has long tags.
#[inline(never)]
fn find_closely<'a>(
    places: &'a Places,
    first: usize,
    id: Id,
    tags: &[(&str, &str)],
) -> Option<&'a Known> {
    let both = [first, first ^ 1];
    let mut both = both.iter().filter_map(|place| places[*place].as_ref());
    both.find(|known| known.has(id) && known.tags.are(tags))
}

/// Has this thread know the series by these tags.
#[cold]
pub(super) fn remember(series: &Arc<Series>, id: Id, tags: &[(&str, &str)]) {
    let remember = |recent: &RefCell<Recent>| {
        let mut recent = recent.try_borrow_mut().ok()?;
        let free = recent.room(place(id, tags))?;
        let known = Known {
            id,
            tags: Given::new(tags),
            cell: series.cell()?,
            series: Arc::clone(series),
        };
        let places = recent.known.as_deref_mut()?;
        let before = places[free].replace(known);
        drop(recent);
        before
    };
    // What it takes the place of is dropped here, where nothing is borrowed.
    let _ = RECENT.try_with(remember);
}

impl Recent {
    const fn new() -> Self {
        Recent {
            known: None,
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
