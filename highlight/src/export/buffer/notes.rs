//! The notes that the application's threads leave, until the worker writes their records.
//!
//! Each thread has a place of its own, which few others share, so threads hardly ever meet here.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use opentelemetry::InstrumentationScope;

use super::super::chunk::{Chunk, LARGEST_BLOCK};
use super::super::stats::{DropReason, Signal};
use super::super::sync::Mutex;
use super::{Buffer, lock};

/// Places; a power of two. Each may hold a block that is not full.
pub(super) const PLACES: usize = 8;
/// A place's first block.
const SMALLEST_BLOCK: usize = 4 * 1024;
/// Memory of a block beyond its bytes: its handle and the allocator's header.
const OVERHEAD: usize = 64;
/// Of a note: its length.
const HEADER: usize = 4;
/// Full blocks that the worker is woken for. They hold about a thousand notes.
const WAKE_AT: usize = 4;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Notes {
    places: [Place; PLACES],
    full: Mutex<VecDeque<Block>>,
}

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place {
    open: Mutex<Block>,
    /// Changed under the lock.
    taken: AtomicU64,
}

/// Notes, each behind its length.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    records: u64,
    /// Bytes of the budget that it holds.
    held: usize,
}

impl Block {
    /// Puts a note into it; false when there is no room.
    #[inline]
    fn put(&mut self, note: &[u8]) -> bool {
        let Ok(len) = u32::try_from(note.len()) else {
            return false;
        };
        let fits = self.bytes.capacity() - self.bytes.len() >= HEADER + note.len();
        if fits {
            self.bytes.extend_from_slice(&len.to_ne_bytes());
            self.bytes.extend_from_slice(note);
            self.records += 1;
        }
        fits
    }

    /// The notes in it, in the order in which they were put there.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk()?;
            let len = usize::try_from(u32::from_ne_bytes(*len)).ok()?;
            let (note, behind) = behind.split_at_checked(len)?;
            rest = behind;
            Some(note)
        })
    }
}

impl Place {
    #[inline]
    fn count(&self) {
        let taken = self.taken.load(Ordering::Relaxed);
        self.taken.store(taken + 1, Ordering::Relaxed);
    }
}

/// Where this thread leaves its notes first.
#[inline]
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.get().unwrap_or_else(|| {
        let place = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
        OWN.set(Some(place));
        place
    })
}

impl Notes {
    /// Puts a note where it takes no memory: nearly always. False otherwise, and when all places are being used at this moment.
    #[inline]
    fn put_at_once(&self, note: &[u8]) -> bool {
        let own = own_place();
        for at in 0..PLACES {
            let place = &self.places[(own + at) % PLACES];
            if let Ok(mut open) = place.open.try_lock() {
                let fits = open.put(note);
                if fits {
                    place.count();
                }
                return fits;
            }
        }
        false
    }

    /// Notes that were ever taken.
    pub(super) fn taken(&self) -> u64 {
        let taken = self
            .places
            .iter()
            .map(|place| place.taken.load(Ordering::Relaxed));
        taken.sum()
    }
}

impl Buffer {
    /// Takes a note of a log record, or drops and counts the record.
    #[inline]
    pub(crate) fn push_note(&self, note: &[u8]) {
        if self.is_closed() || !self.notes.put_at_once(note) {
            return self.push_note_slowly(note);
        }
        if self.arm() {
            self.wake();
        }
    }

    #[cold]
    fn push_note_slowly(&self, note: &[u8]) {
        let refused = self.refusal(self.is_closed(), note.len());
        let put = refused.map_or_else(|| self.put_into_new_block(note), Err);
        match put {
            Err(reason) => self.refuse(Signal::Logs, reason, 1),
            // There are so many notes that the worker should write their records now.
            Ok(full) if self.arm() || full >= WAKE_AT || full > 0 && self.is_pressed() => {
                self.wake();
            }
            Ok(_) => {}
        }
    }

    /// Says how many blocks there are full now, if one became so.
    fn put_into_new_block(&self, note: &[u8]) -> Result<usize, DropReason> {
        let mut full = 0;
        let place = &self.notes.places[own_place()];
        let open = self.lock_unless_forked(&place.open);
        let mut open = open.ok_or(DropReason::Shutdown)?;
        // Another thread may have made room since.
        if !open.put(note) {
            let needed = HEADER + note.len();
            let wanted = open.bytes.capacity().saturating_mul(2);
            let wanted = wanted.clamp(SMALLEST_BLOCK, LARGEST_BLOCK).max(needed);
            let block = self.note_block(wanted).or_else(|| self.note_block(needed));
            let Some(block) = block else {
                let forked = self.is_forked();
                return Err(if forked {
                    DropReason::Shutdown
                } else {
                    DropReason::BufferFull
                });
            };
            let before = std::mem::replace(&mut *open, block);
            open.put(note);
            if before.records > 0 {
                let blocks = self.lock_unless_forked(&self.notes.full);
                let mut blocks = blocks.ok_or(DropReason::Shutdown)?;
                blocks.push_back(before);
                full = blocks.len();
            }
        }
        place.count();
        Ok(full)
    }

    fn note_block(&self, capacity: usize) -> Option<Block> {
        let held = capacity + OVERHEAD;
        self.hold(held).then(|| Block {
            bytes: self.spare.take(capacity),
            records: 0,
            held,
        })
    }

    /// The oldest full block of notes.
    pub(crate) fn take_full_notes(&self) -> Option<Block> {
        lock(&self.notes.full).pop_front()
    }

    /// All notes that there are.
    pub(crate) fn take_notes(&self) -> Vec<Block> {
        let mut blocks: Vec<_> = std::mem::take(&mut *lock(&self.notes.full)).into();
        for place in &self.notes.places {
            let block = std::mem::take(&mut *lock(&place.open));
            if block.records > 0 {
                blocks.push(block);
            }
        }
        blocks
    }

    /// Puts a record of which there was a note into the open chunk. It was taken already, so it is not left out for want of room; but
    /// then the chunk is sealed, as it is when it is full. True when it was.
    pub(crate) fn append_noted(
        &self,
        signal: Signal,
        scope: &InstrumentationScope,
        record: &[u8],
    ) -> bool {
        if self.append_at_once(signal, scope, record, 1) {
            return false;
        }
        let cost = Chunk::cost(scope, record.len());
        if let Some(reason) = self.refusal(false, cost) {
            self.counters.lost(signal, reason, 1);
            return false;
        }
        let mut open = lock(&self.open[signal.index()]);
        let mut sealed = false;
        if open.size + cost > self.bounds.request {
            sealed |= self.seal(signal, &mut open).unwrap_or_default();
        }
        let (mut is_last_try, mut pressed) = (false, false);
        open.append(scope, record, 1, |capacity, bytes| {
            if !self.hold(bytes) {
                // First a block is asked for that has room for more.
                if !std::mem::replace(&mut is_last_try, true) {
                    return None;
                }
                self.hold_anyway(bytes);
                pressed = true;
            }
            Some(self.spare.take(capacity))
        });
        if pressed || open.size >= self.seal_at.load(Ordering::Relaxed) {
            sealed |= self.seal(signal, &mut open).unwrap_or_default();
        }
        sealed
    }

    /// Gives back a block whose notes are all written.
    pub(crate) fn done_with(&self, block: Block) {
        self.release(block.held);
        self.keep(block.bytes);
    }

    /// Counts the records of a block as lost to the shutdown.
    pub(super) fn lose_notes(&self, block: &Block) {
        self.lose(Signal::Logs, block.records, block.held);
    }
}
