//! One series of a metric: its tags, and what its measurements come to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry::KeyValue;

use super::cell::Cell;
use super::exemplar::{Exemplar, Slot};
use super::id::Id;
use super::instrument::Value;
use super::tags::{Tag, borrowed, is_same};
use super::total::{Taken, Total};
use crate::context::Correlation;
use crate::export::buffer::lock;

/// A set of tags, and where its measurements go.
#[derive(Debug)]
pub(crate) struct Series {
    id: Id,
    pub(super) hash: u64,
    /// By key, each once.
    tags: Box<[KeyValue]>,
    state: Mutex<State>,
    exemplar: Slot,
    /// Until it is to be looked up anew.
    kept: AtomicBool,
    /// Nothing was measured when it was last taken from.
    idle: AtomicBool,
}

#[derive(Debug)]
struct State {
    total: Total,
    /// Something was added to the total since it was last taken from.
    is_new: bool,
    /// Of the threads that know it.
    cells: Vec<Arc<Cell>>,
    /// Nothing is added to the total any more, but what its threads still had.
    is_closed: bool,
}

impl State {
    fn turn_away(&self) {
        for cell in &self.cells {
            cell.close();
        }
    }
}

impl Series {
    pub(super) fn new(hash: u64, tags: Box<[KeyValue]>, total: Total) -> Self {
        Series {
            id: Id::new(),
            hash,
            tags,
            state: Mutex::new(State {
                total,
                is_new: false,
                cells: Vec::new(),
                is_closed: false,
            }),
            exemplar: Slot::default(),
            kept: AtomicBool::new(true),
            idle: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// By key, each once.
    pub(crate) fn tags(&self) -> &[KeyValue] {
        &self.tags
    }

    pub(super) fn is(&self, sorted: &[Tag<'_>]) -> bool {
        let mut pairs = self.tags.iter().zip(sorted);
        self.tags.len() == sorted.len() && pairs.all(|(own, tag)| is_same(borrowed(own), *tag))
    }

    /// False when it is to be looked up anew.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// Adds a measurement of a thread that does not know it. False where it was let go of.
    pub(super) fn add(&self, value: Value) -> bool {
        let mut state = lock(&self.state);
        if state.is_closed {
            return false;
        }
        state.is_new = true;
        state.total.add(value);
        true
    }

    /// Adds what another one had, which was let go of, unless this one was too.
    pub(super) fn absorb(&self, taken: &mut Option<Taken>) {
        let mut state = lock(&self.state);
        if !state.is_closed
            && let Some(taken) = taken.take()
        {
            state.is_new = true;
            state.total.absorb(taken);
        }
    }

    /// A cell for the thread that asks, which gives it back [when it is done](Self::give_back). None where it was let go of.
    pub(super) fn cell(&self) -> Option<Arc<Cell>> {
        let mut state = lock(&self.state);
        if state.is_closed {
            return None;
        }
        let cell = Arc::new(Cell::new(&state.total));
        state.cells.push(Arc::clone(&cell));
        Some(cell)
    }

    pub(super) fn give_back(&self, cell: &Arc<Cell>) {
        let mut state = lock(&self.state);
        let State {
            total,
            is_new,
            cells,
            ..
        } = &mut *state;
        *is_new |= cell.take(total);
        cells.retain(|one| !Arc::ptr_eq(one, cell));
    }

    /// Takes what was measured since the last time.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut state = lock(&self.state);
        let State {
            total,
            is_new,
            cells,
            ..
        } = &mut *state;
        let mut is_new = std::mem::take(is_new);
        for cell in cells {
            is_new |= cell.take(total);
        }
        let taken = total.take(is_new);
        self.idle.store(taken.is_none(), Ordering::Relaxed);
        taken
    }

    /// Lets go of it, if nothing was measured when it was last taken from, nor since.
    pub(super) fn let_go(&self) -> bool {
        if !self.idle.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = lock(&self.state);
        let is_idle = !state.is_new && state.total.is_empty();
        if !is_idle || !state.cells.iter().all(|cell| cell.is_idle()) {
            return false;
        }
        state.is_closed = true;
        state.turn_away();
        self.kept.store(false, Ordering::Relaxed);
        true
    }

    /// Has the threads that know it look it up anew.
    pub(super) fn turn_away(&self) {
        lock(&self.state).turn_away();
    }

    /// Whether a thread knows it: that may have measured until just now.
    pub(super) fn is_held(&self) -> bool {
        !lock(&self.state).cells.is_empty()
    }

    /// Keeps a measurement if it stands for the series better than the one before. `taken` counts the metric's series that have one.
    pub(super) fn offer(
        &self,
        value: Value,
        correlation: &Correlation,
        largest: bool,
        taken: &AtomicUsize,
    ) {
        self.exemplar.offer(value, correlation, largest, taken);
    }

    pub(super) fn exemplar(&self) -> Option<Exemplar> {
        self.exemplar.take()
    }
}
