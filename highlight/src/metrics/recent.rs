//! The series that a thread measured lately: it finds them again without a lock, and without writing to memory that other threads use.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop};
use std::sync::Arc;

use super::id::Id;
use super::instrument::Value;
use super::places::{Known, Places};
use super::series::Series;

thread_local! {
    /// Nothing to be dropped, so that nobody has to ask whether it was.
    static RECENT: ManuallyDrop<Recent> = const { ManuallyDrop::new(Recent::new()) };
    /// What is dropped in its place.
    static LEAVE: Leave = const { Leave };
}

/// A thread that ends knows nothing any more.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        drop(RECENT.try_with(|recent| recent.places.take()));
    }
}

struct Recent {
    /// Taken out by who looks at them, and put back: whoever measures in between, as an allocator might, knows nothing.
    places: Cell<Option<Box<Places>>>,
    are_made: Cell<bool>,
}

impl Recent {
    const fn new() -> Self {
        Recent {
            places: Cell::new(None),
            are_made: Cell::new(false),
        }
    }
}

/// Works on this thread's places, if it has them.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "most of it is known where it is called"
)]
fn look<T>(work: impl FnOnce(&mut Places) -> Option<T>) -> Option<T> {
    let look = |recent: &ManuallyDrop<Recent>| {
        let mut places = recent.places.take()?;
        let done = work(&mut places);
        // Nobody has put any there meanwhile, so there is nothing to drop.
        mem::forget(recent.places.replace(Some(places)));
        done
    };
    RECENT.try_with(look).ok().flatten()
}

/// Works on what this thread has of a series, if it knows it by these tags.
#[inline]
pub(super) fn with<T>(id: Id, tags: &[(&str, &str)], work: impl FnOnce(&Known) -> T) -> Option<T> {
    look(|places| places.find(id, tags).map(work))
}

/// Adds a measurement to a series that this thread knows, if it finds that at once and there is nothing else to do: true for the first
/// since the last collection, None where nothing was done.
#[inline]
pub(super) fn add_at_once(
    id: Id,
    tags: &[(&str, &str)],
    value: impl FnOnce() -> Value,
) -> Option<bool> {
    look(|places| places.glimpse(id, tags)?.cell().add_at_once(value()))
}

/// Has this thread know the series by these tags.
#[cold]
pub(super) fn remember(series: &Arc<Series>, id: Id, tags: &[(&str, &str)]) {
    if LEAVE.try_with(|_| ()).is_err() {
        return;
    }
    let _ = RECENT.try_with(|recent| {
        if !recent.are_made.replace(true) {
            recent.places.set(Some(Box::new(Places::new())));
        }
    });
    let before = look(|places| places.put(series, id, tags));
    // Here, where all are back in their places.
    drop(before);
}

#[cfg(test)]
mod tests {
    use super::super::all_series::AllSeries;
    use super::super::instrument::Kind;
    use super::super::places::{PATIENCE, SLOTS};
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
            assert!(std::ptr::eq(known.series(), Arc::as_ptr(series)));
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
