//! Where the spans are kept that no registry keeps: a place for each that is open, found by its id in a few instructions.
//!
//! Places are never given back to the allocator, as in `tracing-subscriber`'s registry. Each thread has some free ones of its own, so that
//! threads that make spans at the same time do not meet. No lock here is held while the application's code runs.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread;

use tracing::Metadata;
use tracing::span::Id;

use super::entry::Entry;
use crate::export::buffer::lock;

/// Places of the first page; each further one is twice as large.
const FIRST_PAGE: u32 = 64;
const PAGES: usize = 26;
/// Places that a thread gets or gives away at once. A page is a multiple of it.
const BATCH: u32 = 32;

static SLOTS: Slots = Slots {
    pages: [const { OnceLock::new() }; PAGES],
    unused: AtomicU32::new(0),
    free: Mutex::new(Vec::new()),
};

struct Slots {
    pages: [OnceLock<Box<[Mutex<Slot>]>>; PAGES],
    /// From here on no place was ever used.
    unused: AtomicU32,
    /// Those that threads gave away.
    free: Mutex<Vec<u32>>,
}

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free(Vec::new())) };
}

/// The places that a thread uses next, the last one first.
struct Free(Vec<u32>);

impl Drop for Free {
    fn drop(&mut self) {
        if let Some(mut shared) = shared() {
            shared.append(&mut self.0);
        }
    }
}

/// The place of one span after the other.
#[derive(Debug, Default)]
struct Slot {
    /// How many spans have had it. An id holds it too, so that of a span that is gone finds nothing.
    generation: u32,
    /// None while it is free.
    span: Option<Open>,
}

/// A span that is open.
#[derive(Debug)]
pub(super) struct Open {
    /// How many handles and children it has.
    pub(super) users: usize,
    pub(super) metadata: &'static Metadata<'static>,
    /// Stays open as long as this one.
    pub(super) parent: Option<Id>,
    pub(super) entry: Entry,
}

/// Finds a place for the span. None when there are as many as can be told apart; the span is lost then.
pub(super) fn put(span: Open) -> Option<Id> {
    let index = take_free()?;
    let mut slot = lock(find(index)?);
    slot.generation = slot.generation.wrapping_add(1);
    slot.span = Some(span);
    Some(id(index, slot.generation))
}

/// Shows the open span of that id. Nothing of the application's may run in `work`.
#[inline]
pub(super) fn with<T>(id: &Id, work: impl FnOnce(&mut Open) -> T) -> Option<T> {
    let (index, generation) = parts(id);
    let mut slot = lock(find(index)?);
    if slot.generation != generation {
        return None;
    }
    slot.span.as_mut().map(work)
}

/// One user less; gives the span back with the last one.
#[inline]
pub(super) fn leave(id: &Id) -> Option<Open> {
    let (index, generation) = parts(id);
    let mut slot = lock(find(index)?);
    if slot.generation != generation {
        return None;
    }
    let span = slot.span.as_mut()?;
    span.users -= 1;
    if span.users > 0 {
        return None;
    }
    let span = slot.span.take();
    drop(slot);
    give_free(index);
    span
}

/// Never zero, as the generation of a span that is open is none.
fn id(index: u32, generation: u32) -> Id {
    Id::from_u64((u64::from(generation) << 32 | u64::from(index)) + 1)
}

fn parts(id: &Id) -> (u32, u32) {
    let number = id.into_u64() - 1;
    #[expect(clippy::cast_possible_truncation, reason = "these are the halves")]
    let halves = (number as u32, (number >> 32) as u32);
    halves
}

fn find(index: u32) -> Option<&'static Mutex<Slot>> {
    let (page, at) = place(index);
    SLOTS.pages.get(page)?.get()?.get(at)
}

/// The page of a place, and where on the page it is.
fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST_PAGE);
    let page = shifted.ilog2() - FIRST_PAGE.ilog2();
    let at = shifted - (u64::from(FIRST_PAGE) << page);
    (page as usize, usize::try_from(at).unwrap_or(usize::MAX))
}

fn take_free() -> Option<u32> {
    let own = FREE.try_with(|free| {
        let free = &mut free.borrow_mut().0;
        if free.is_empty() {
            more(free);
        }
        free.pop()
    });
    own.unwrap_or_else(|_| {
        // The thread is ending.
        let mut few = Vec::new();
        more(&mut few);
        let one = few.pop();
        drop(Free(few));
        one
    })
}

fn give_free(index: u32) {
    let own = FREE.try_with(|free| {
        let free = &mut free.borrow_mut().0;
        free.push(index);
        // One thread may end what another begins.
        if free.len() > 4 * BATCH as usize
            && let Some(mut shared) = shared()
        {
            shared.extend(free.drain(2 * BATCH as usize..));
        }
    });
    if own.is_err() {
        drop(Free(vec![index]));
    }
}

/// The places that threads gave away. None when they are locked for long: by a thread that a fork left behind.
fn shared() -> Option<MutexGuard<'static, Vec<u32>>> {
    const TRIES: usize = 1_000;
    for _ in 0..TRIES {
        match SLOTS.free.try_lock() {
            Ok(free) => return Some(free),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    None
}

/// Gets a batch of free places.
fn more(free: &mut Vec<u32>) {
    if let Some(mut shared) = shared() {
        let rest = shared.len().saturating_sub(BATCH as usize);
        free.extend(shared.drain(rest..));
    }
    if !free.is_empty() {
        return;
    }
    let further = |first: u32| first.checked_add(BATCH);
    let order = Ordering::Relaxed;
    let Ok(first) = SLOTS.unused.fetch_update(order, order, further) else {
        return;
    };
    let (page, _) = place(first);
    let Some(place) = SLOTS.pages.get(page) else {
        return;
    };
    place.get_or_init(|| {
        let size = (FIRST_PAGE as usize) << page;
        (0..size).map(|_| Mutex::default()).collect()
    });
    free.extend((first..first + BATCH).rev());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use opentelemetry::Context;
    use opentelemetry::trace::SpanKind;

    use super::*;
    use crate::handle::Highlight;
    use crate::recording::{Recording, Title};

    fn made_here() -> &'static Metadata<'static> {
        tracing::info_span!("job").metadata().unwrap()
    }

    fn span(highlight: &Highlight, metadata: &'static Metadata<'static>) -> Open {
        let title = Title {
            name: "job".into(),
            kind: SpanKind::Internal,
        };
        let recording = Recording::new(highlight, title, Context::default());
        Open {
            users: 1,
            metadata,
            parent: None,
            entry: Entry::begun(recording, Context::default()),
        }
    }

    fn in_an_sdk(work: impl FnOnce(&Highlight)) {
        crate::testing::capture(|| work(&Highlight::current().unwrap()));
    }

    #[test]
    fn a_place_is_used_again_under_another_id() {
        in_an_sdk(|highlight| {
            let metadata = made_here();
            let first = put(span(highlight, metadata)).unwrap();
            assert!(with(&first, |open| open.users += 1).is_some());
            assert!(leave(&first).is_none());
            assert!(leave(&first).is_some());
            let second = put(span(highlight, metadata)).unwrap();
            assert_eq!(parts(&first).0, parts(&second).0);
            assert_ne!(first, second);
            assert!(with(&first, |_| ()).is_none() && leave(&first).is_none());
            assert!(with(&second, |_| ()).is_some() && leave(&second).is_some());
        });
    }

    #[test]
    fn every_place_is_on_a_page() {
        let mut before = (0, 0);
        for index in 1..10_000 {
            let (page, at) = place(index);
            let follows = (page, at) == (before.0, before.1 + 1);
            let begins = (page, at) == (before.0 + 1, 0);
            assert!(follows || begins, "{index}");
            before = (page, at);
        }
        assert_eq!(place(u32::MAX - FIRST_PAGE).0, PAGES - 1);
        assert!(find(u32::MAX).is_none());
        for index in [0, 63, 64, u32::MAX] {
            for generation in [0, 1, u32::MAX - 1] {
                assert_eq!(parts(&id(index, generation)), (index, generation));
            }
        }
    }

    #[test]
    fn threads_that_make_and_end_spans_of_each_other_do_not_mix_them_up() {
        in_an_sdk(|highlight| {
            let metadata = made_here();
            let (sender, receiver) = std::sync::mpsc::sync_channel(512);
            let makers: Vec<_> = (0..4)
                .map(|_| {
                    let (sender, highlight) = (sender.clone(), highlight.clone());
                    thread::spawn(move || {
                        for _ in 0..1_000 {
                            sender
                                .send(put(span(&highlight, metadata)).unwrap())
                                .unwrap();
                        }
                    })
                })
                .collect();
            drop(sender);
            let mut open = HashSet::new();
            let mut most = 0;
            for id in receiver {
                most = most.max(parts(&id).0);
                assert!(open.insert(id.clone()), "{id:?} is open already");
                if open.len() > 100 {
                    let one = open.iter().next().unwrap().clone();
                    open.remove(&one);
                    assert!(leave(&one).is_some());
                }
            }
            assert!(open.iter().all(|id| leave(id).is_some()));
            for maker in makers {
                maker.join().unwrap();
            }
            // Other tests have places too.
            assert!(most < 4_000, "{most}");
        });
    }
}
