//! The notes that the application's threads leave, until the worker writes their records.
//!
//! Each thread has a place of its own, which few others share, so threads hardly ever meet here.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use opentelemetry::InstrumentationScope;

use super::super::chunk::{Chunk, LARGEST_BLOCK, Record};
use super::super::stats::{DropReason, Signal};
use super::super::sync::Mutex;
use super::super::{note, span_note};
use super::{Buffer, lock};

/// Places; a power of two. Each may hold a block that is not full.
pub(super) const PLACES: usize = 8;
/// A place's first block.
const SMALLEST_BLOCK: usize = 4 * 1024;
/// Memory of a block beyond its bytes: its handle and the allocator's header.
const OVERHEAD: usize = 64;
/// Of a note: its signal and its length.
const HEADER: usize = 5;
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
    /// By signal; changed under the lock.
    taken: [AtomicU64; Signal::COUNT],
}

/// What became of a record that is put into the open chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is in the open chunk.
    Fits,
    /// The same, and that is sealed now, to be compressed before there is another.
    Full,
    /// There is no room for it, until the chunk that was sealed is compressed.
    Not,
}

/// Notes, each behind its signal and its length.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    /// Bytes of the budget that it holds.
    held: usize,
}

impl Block {
    /// Puts a note into it, in two parts; false when there is no room.
    #[inline]
    fn put(&mut self, signal: Signal, head: &[u8], note: &[u8]) -> bool {
        let size = head.len() + note.len();
        let Ok(len) = u32::try_from(size) else {
            return false;
        };
        let mut header = [signal.index().to_le_bytes()[0]; HEADER];
        header[1..].copy_from_slice(&len.to_ne_bytes());
        let fits = self.bytes.capacity() - self.bytes.len() >= HEADER + size;
        if fits {
            self.bytes.extend_from_slice(&header);
            self.bytes.extend_from_slice(head);
            self.bytes.extend_from_slice(note);
        }
        fits
    }

    /// The notes in it, in the order in which they were put there.
    pub(crate) fn notes(&self) -> impl Iterator<Item = (Signal, &[u8])> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let [signal] = note::take(&mut rest)?;
            let signal = *Signal::ALL.get(usize::from(signal))?;
            Some((signal, note::piece(&mut rest)?))
        })
    }
}

/// The notes of several blocks by their time, so that what one thread did is not told before what another did earlier.
pub(crate) fn in_order(blocks: &[Block]) -> impl Iterator<Item = (Signal, &[u8])> {
    let mut rest: Vec<_> = blocks
        .iter()
        .map(|block| block.notes().peekable())
        .collect();
    std::iter::from_fn(move || {
        let next = rest.iter_mut().filter_map(|notes| {
            let (signal, note) = *notes.peek()?;
            let time = match signal {
                Signal::Traces => span_note::time(note),
                _ => note::time(note),
            };
            Some((time, notes))
        });
        let (_, notes) = next.min_by_key(|(time, _)| *time)?;
        notes.next()
    })
}

impl Place {
    #[inline]
    fn count(&self, signal: Signal) {
        let count = &self.taken[signal.index()];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
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
    fn put_at_once(&self, signal: Signal, head: &[u8], note: &[u8]) -> bool {
        let own = own_place();
        for at in 0..PLACES {
            let place = &self.places[(own + at) % PLACES];
            if let Ok(mut open) = place.open.try_lock() {
                let fits = open.put(signal, head, note);
                if fits {
                    place.count(signal);
                }
                return fits;
            }
        }
        false
    }

    /// Notes of a signal that were ever taken.
    pub(super) fn taken(&self, signal: Signal) -> u64 {
        let of_signal = |place: &Place| place.taken[signal.index()].load(Ordering::Relaxed);
        self.places.iter().map(of_signal).sum()
    }
}

impl Buffer {
    /// Takes the note of a record, or drops and counts the record.
    #[inline]
    pub(crate) fn push_note(&self, signal: Signal, note: &[u8]) {
        self.push_note_behind(signal, &[], note);
    }

    /// Takes a log record that was written already, and keeps it in line with the notes of others.
    pub(crate) fn push_whole(&self, time: u64, record: &[u8]) {
        self.push_note_behind(Signal::Logs, &note::of_whole(time), record);
    }

    /// One copy for all: at a pace its code is fetched anew each time.
    #[inline(never)]
    fn push_note_behind(&self, signal: Signal, head: &[u8], note: &[u8]) {
        if self.is_closed() || !self.notes.put_at_once(signal, head, note) {
            return self.push_note_slowly(signal, head, note);
        }
        if self.arm() {
            self.wake();
        }
    }

    #[cold]
    fn push_note_slowly(&self, signal: Signal, head: &[u8], note: &[u8]) {
        let refused = self.refusal(self.is_closed(), note.len());
        let put = refused.map_or_else(|| self.put_into_new_block(signal, head, note), Err);
        match put {
            Err(reason) => self.refuse(signal, reason, 1),
            // There are so many notes that the worker should write their records now.
            Ok(full) if self.arm() || full >= WAKE_AT || full > 0 && self.is_pressed() => {
                self.wake();
            }
            Ok(_) => {}
        }
    }

    /// Says how many blocks there are full now, if one became so.
    fn put_into_new_block(
        &self,
        signal: Signal,
        head: &[u8],
        note: &[u8],
    ) -> Result<usize, DropReason> {
        let mut full = 0;
        let place = &self.notes.places[own_place()];
        let open = self.lock_unless_forked(&place.open);
        let mut open = open.ok_or(DropReason::Shutdown)?;
        // Another thread may have made room since.
        if !open.put(signal, head, note) {
            let needed = HEADER + head.len() + note.len();
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
            open.put(signal, head, note);
            if !before.bytes.is_empty() {
                let blocks = self.lock_unless_forked(&self.notes.full);
                let mut blocks = blocks.ok_or(DropReason::Shutdown)?;
                blocks.push_back(before);
                full = blocks.len();
            }
        }
        place.count(signal);
        Ok(full)
    }

    fn note_block(&self, capacity: usize) -> Option<Block> {
        let held = capacity + OVERHEAD;
        self.hold_below(self.bounds.unwritten(), held)
            .then(|| Block {
                bytes: self.spare.take_bytes(capacity),
                held,
            })
    }

    /// The oldest full block of notes.
    pub(crate) fn take_full_notes(&self) -> Option<Block> {
        lock(&self.notes.full).pop_front()
    }

    /// All notes that there are: the full blocks, oldest first, and those that are filling.
    pub(crate) fn take_notes(&self) -> (VecDeque<Block>, Vec<Block>) {
        let full = std::mem::take(&mut *lock(&self.notes.full));
        let places = self.notes.places.iter();
        let open = places.map(|place| std::mem::take(&mut *lock(&place.open)));
        (full, open.filter(|block| !block.bytes.is_empty()).collect())
    }

    /// Puts a record that was taken already into the open chunk, so it is not left out for want of room: whenever that is full,
    /// `compress` makes some.
    pub(crate) fn append_taken(
        &self,
        signal: Signal,
        scope: &InstrumentationScope,
        record: Record<'_>,
        mut compress: impl FnMut(),
    ) {
        loop {
            match self.append_to_open(signal, scope, record) {
                Appended::Fits => return,
                Appended::Full => return compress(),
                // The next time the chunk is empty, and takes it.
                Appended::Not => compress(),
            }
        }
    }

    pub(super) fn append_to_open(
        &self,
        signal: Signal,
        scope: &InstrumentationScope,
        record: Record<'_>,
    ) -> Appended {
        if self.append_at_once(signal, scope, record, 1) {
            return Appended::Fits;
        }
        let cost = Chunk::cost(scope, record);
        if let Some(reason) = self.refusal(false, cost) {
            self.counters.lost(signal, reason, 1);
            return Appended::Fits;
        }
        let mut open = lock(&self.open[signal.index()]);
        if open.size + cost > self.bounds.request {
            let _ = self.seal(signal, &mut open);
            return Appended::Not;
        }
        let is_alone = open.records == 0;
        let mut is_last_try = false;
        let taken = open.append(scope, record, 1, |capacity, bytes| {
            if !self.hold(bytes) {
                // First a block is asked for that has room for more.
                if !std::mem::replace(&mut is_last_try, true) || !is_alone {
                    return None;
                }
                self.hold_anyway(bytes);
            }
            Some(self.spare.take_bytes(capacity))
        });
        if taken && !self.is_full(open.size, open.weight) {
            return Appended::Fits;
        }
        let _ = self.seal(signal, &mut open);
        if taken { Appended::Full } else { Appended::Not }
    }

    /// Gives back a block whose notes are all written.
    pub(crate) fn done_with(&self, block: Block) {
        self.release(block.held);
        self.keep(block.bytes);
    }

    /// Counts the records of a block as lost to the shutdown.
    pub(super) fn lose_notes(&self, block: &Block) {
        for (signal, _) in block.notes() {
            self.lose(signal, 1, 0);
        }
        self.release(block.held);
    }
}
