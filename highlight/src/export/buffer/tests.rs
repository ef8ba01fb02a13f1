use super::super::deferred::Deferred;
use super::super::note;
use super::notes::Appended;
use super::*;

fn scope(name: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name).build()
}

#[test]
fn the_budget_is_never_exceeded_and_what_does_not_fit_is_counted() {
    let bounds = Bounds {
        budget: 1_000,
        request: 500,
    };
    let buffer = Buffer::new(bounds);
    let record = [0; 92];
    for _ in 0..25 {
        buffer.push(Signal::Logs, &scope("a"), &record);
        assert!(buffer.held() <= 1_000);
    }
    buffer.push(Signal::Traces, &scope("a"), &[0; 600]);
    let stats = buffer.stats();
    let queued = stats.queued(Signal::Logs);
    assert!((1..=10).contains(&queued), "{queued}");
    let dropped = stats.dropped(Signal::Logs, DropReason::BufferFull);
    assert_eq!(queued + dropped, 25);
    assert_eq!(stats.dropped(Signal::Traces, DropReason::TooLarge), 1);
    buffer.abandon();
    assert_eq!(buffer.held(), 0);
    let stats = buffer.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::Shutdown), queued);
}

#[test]
fn errors_that_fill_the_buffer_do_not_wait_for_the_next_look() {
    let buffer = Buffer::new(Bounds {
        budget: 20_000,
        request: 10_000,
    });
    let error = || Deferred {
        signal: Signal::Traces,
        scope: scope("a"),
        record: vec![1; 1_000],
        gaps: Vec::new(),
        held: 0,
    };
    let mut hurried_at = Vec::new();
    for _ in 0..2 {
        while !buffer.take_urgent() {
            buffer.push_deferred(error());
            assert!(buffer.is_watched());
            assert!(buffer.held() < 13_000, "{}", buffer.held());
        }
        hurried_at.push(buffer.held());
        let waiting = buffer.take_waiting();
        waiting.each(|error| buffer.release(error.held()), drop);
    }
    assert!(
        hurried_at.iter().all(|held| *held > 10_000),
        "{hurried_at:?}"
    );
}

#[test]
fn no_chunk_is_larger_than_a_request() {
    let buffer = Buffer::new(Bounds {
        budget: 1 << 20,
        request: 8 * 1024,
    });
    for size in [7_000, 100, 6_000, 7_500, 1, 4_000, 4_000].repeat(3) {
        buffer.push(Signal::Logs, &scope("a"), &vec![0; size]);
    }
    buffer.seal_open();
    let mut records = 0;
    while let Some((_, chunk)) = buffer.take_sealed() {
        assert!(chunk.size <= 8 * 1024, "{}", chunk.size);
        records += chunk.records;
        buffer.release(chunk.held);
    }
    assert_eq!(records, 21);
    assert_eq!(buffer.held(), 0);
}

#[test]
fn nothing_is_accepted_after_close() {
    let buffer = Buffer::new(Bounds {
        budget: 1_000,
        request: 500,
    });
    buffer.close();
    buffer.push(Signal::Logs, &scope("a"), b"late");
    let stats = buffer.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::Shutdown), 1);
    assert_eq!(buffer.held(), 0);
}

#[test]
fn notes_stay_within_the_budget_and_come_out_in_their_order() {
    let buffer = Buffer::new(Bounds {
        budget: 100_000,
        request: 50_000,
    });
    for at in 0..2_000_u64 {
        buffer.push_note(Signal::Logs, &[&at.to_ne_bytes()[..], &[0; 92]].concat());
        assert!(buffer.held() <= 75_000);
    }
    buffer.push_note(Signal::Logs, &vec![0; 60_000]);
    let stats = buffer.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::TooLarge), 1);
    let dropped = stats.dropped(Signal::Logs, DropReason::BufferFull);
    let queued = stats.queued(Signal::Logs);
    assert!(queued >= 600, "{queued}");
    assert_eq!(queued + dropped, 2_000);
    let mut found = Vec::new();
    let (full, open) = buffer.take_notes();
    for block in full.into_iter().chain(open) {
        for (_, note) in block.notes() {
            let number = note.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
            found.push(number.unwrap());
        }
        buffer.done_with(block);
    }
    assert!(found.is_sorted());
    assert_eq!(found.len() as u64, queued);
    assert_eq!(buffer.held(), 0);
}

#[test]
fn notes_of_many_threads_are_all_there() {
    const EACH: u64 = 5_000;
    let buffer = Buffer::new(Bounds {
        budget: 8 << 20,
        request: 1 << 20,
    });
    std::thread::scope(|threads| {
        for thread in 0..2 * notes::PLACES as u64 {
            let buffer = &buffer;
            threads.spawn(move || {
                for at in 0..EACH {
                    buffer.push_note(Signal::Logs, &(thread * EACH + at).to_ne_bytes());
                }
            });
        }
    });
    let (full, open) = buffer.take_notes();
    let mut found: Vec<_> = full
        .iter()
        .chain(&open)
        .flat_map(Block::notes)
        .map(|(_, note)| u64::from_ne_bytes(*note.first_chunk().unwrap()))
        .collect();
    found.sort_unstable();
    assert!(found.into_iter().eq(0..2 * notes::PLACES as u64 * EACH));
}

#[test]
fn a_note_that_nobody_writes_is_counted() {
    let buffer = Buffer::new(Bounds {
        budget: 10_000,
        request: 5_000,
    });
    buffer.push_note(Signal::Logs, b"one");
    buffer.abandon();
    buffer.close();
    buffer.push_note(Signal::Logs, b"late");
    let stats = buffer.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::Shutdown), 2);
    assert_eq!((stats.queued(Signal::Logs), buffer.held()), (0, 0));
}

/// A record that was noted is kept, whatever the budget says; what is open is sealed before, to be compressed.
#[test]
fn the_record_of_a_note_waits_for_room_and_is_never_left_out() {
    let buffer = Buffer::new(Bounds {
        budget: 2_000,
        request: 5_000,
    });
    let append = |bytes: usize| {
        buffer.append_to_open(Signal::Logs, &scope("a"), vec![0; bytes].as_slice().into())
    };
    assert_eq!(append(500), Appended::Fits);
    assert_eq!(append(1_400), Appended::Not);
    let (_, chunk) = buffer.take_sealed().unwrap();
    assert_eq!(chunk.records, 1);
    buffer.release(chunk.held);
    assert_eq!(append(1_400), Appended::Fits);
    assert!(buffer.held() <= 2_000);
    assert_eq!(append(2_500), Appended::Not);
    assert_eq!(
        append(2_500),
        Appended::Fits,
        "nothing else is in the chunk"
    );
    assert_eq!(
        append(6_000),
        Appended::Fits,
        "and it is counted as too large"
    );
    assert_eq!(
        buffer.stats().dropped(Signal::Logs, DropReason::TooLarge),
        1
    );
    buffer.seal_open();
    while let Some((_, chunk)) = buffer.take_sealed() {
        buffer.release(chunk.held);
    }
    assert_eq!(buffer.held(), 0);
}

#[test]
fn what_threads_did_in_turns_is_told_in_turns() {
    let buffer = Buffer::new(Bounds {
        budget: 1 << 20,
        request: 1 << 16,
    });
    let note = |time: u64| [[0; 8], time.to_ne_bytes()].concat();
    for time in 0..100 {
        std::thread::scope(|threads| {
            threads.spawn(|| buffer.push_note(Signal::Logs, &note(time)));
        });
    }
    let (full, open) = buffer.take_notes();
    assert!(full.is_empty() && open.len() > 1);
    let times: Vec<_> = in_order(&open)
        .map(|(_, bytes)| note::time(bytes))
        .collect();
    assert!(times.into_iter().eq(0..100));
}
