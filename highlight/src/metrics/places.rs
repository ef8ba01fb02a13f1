//! Where a thread has the series that it measured lately. Each has two places, which its metric and its tags say.

use std::sync::Arc;

use super::cell::Cell;
use super::id::Id;
use super::series::Series;
use super::tags::{Given, glance, spread};

/// Of all metrics together.
pub(super) const SLOTS: usize = 128;
const SLOT_BITS: u32 = SLOTS.ilog2();

/// Of a thread's measurements of series that it does not know while their places are taken, one in so many takes a place. A thread that
/// goes through more series than it has places does little more for each than look it up.
pub(super) const PATIENCE: u8 = 16;

/// See the module's description.
pub(super) struct Places {
    known: [Option<Known>; SLOTS],
    refused: u8,
}

/// A series that a thread knows, either by its metric and tags, or by its own id without tags.
pub(super) struct Known {
    id: Id,
    tags: Given,
    cell: Arc<Cell>,
    series: Arc<Series>,
}

impl Places {
    pub(super) fn new() -> Self {
        Places {
            known: [const { None }; SLOTS],
            refused: 0,
        }
    }

    /// The series in its first place, if it is there and its tags are short: where it is mostly. It may have been let go of. It is compiled
    /// where it is called, so that most of what is known there about the tags is not asked for.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "most of it is known where it is called"
    )]
    pub(super) fn glimpse(&self, id: Id, tags: &[(&str, &str)]) -> Option<&Known> {
        let known = self.known[place(id, tags)].as_ref()?;
        (known.id == id && known.tags.are_surely(tags)).then_some(known)
    }

    /// The series, if it is known and was not let go of.
    #[inline]
    pub(super) fn find(&mut self, id: Id, tags: &[(&str, &str)]) -> Option<&Known> {
        let first = match self.glimpse(id, tags) {
            Some(known) if !known.cell.is_closed() => place(id, tags),
            _ => self.find_closely(id, tags)?,
        };
        self.known[first].as_ref()
    }

    /// The same where it had to give its first place to another, which it takes back then, or has long tags.
    #[inline(never)]
    fn find_closely(&mut self, id: Id, tags: &[(&str, &str)]) -> Option<usize> {
        let first = place(id, tags);
        let mut places = [first, first ^ 1].into_iter();
        let found = places.find(|place| {
            let known = self.known[*place].as_ref();
            known.is_some_and(|known| known.is(id, tags) && !known.cell.is_closed())
        })?;
        self.known.swap(first, found);
        Some(first)
    }

    /// Has the series here, if there is room: what was in its place is given back.
    pub(super) fn put(
        &mut self,
        series: &Arc<Series>,
        id: Id,
        tags: &[(&str, &str)],
    ) -> Option<Known> {
        let free = self.room(place(id, tags))?;
        let known = Known {
            id,
            tags: Given::new(tags),
            cell: series.cell()?,
            series: Arc::clone(series),
        };
        self.known[free].replace(known)
    }

    /// Where to put what has its first place there.
    fn room(&mut self, first: usize) -> Option<usize> {
        let is_free = |place: &usize| {
            let known = self.known[*place].as_ref();
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
        self.known.swap(first, first ^ 1);
        Some(first)
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "most of it is known where it is called"
)]
fn place(id: Id, tags: &[(&str, &str)]) -> usize {
    // Apart from the id: of tags that stand in the code the compiler does all of this.
    let mut hash = 0;
    for (_, value) in tags {
        hash = spread(hash, glance(value));
    }
    usize::try_from((id.bits() ^ hash) >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

impl Known {
    fn is(&self, id: Id, tags: &[(&str, &str)]) -> bool {
        self.id == id && self.tags.are(tags)
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
    use super::super::instrument::Kind;
    use super::*;
    use crate::export::proto::Scalar;

    #[test]
    fn of_two_that_share_their_places_the_one_that_came_last_is_seen_first() {
        let (id, all) = (Id::new(), AllSeries::new(Kind::Counter, None));
        let numbers: Vec<_> = (0..10_000).map(|number| number.to_string()).collect();
        let all_tags = numbers.iter().map(|number| [("order", number.as_str())]);
        let tags: Vec<_> = all_tags.filter(|tags| place(id, tags) == 7).collect();
        let mut places = Places::new();
        for [(key, number)] in &tags[..2] {
            let series = all.get([(*key, Scalar::Str(number))].into_iter());
            assert!(places.put(&series.unwrap(), id, &[(key, number)]).is_none());
        }
        for at in [0, 1, 1, 0, 0, 1] {
            assert!(places.find(id, &tags[at]).is_some());
            assert!(places.glimpse(id, &tags[at]).is_some());
            assert!(places.glimpse(id, &tags[1 - at]).is_none());
        }
        assert!(places.find(id, &tags[2]).is_none());
    }
}
