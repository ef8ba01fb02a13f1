//! A model of the hand-over, run under `RUSTFLAGS="--cfg shuttle"`: many schedules of the buffer's own code, chosen at random.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use shuttle::{check_random, future, thread};

use super::buffer::{Bounds, Buffer};
use super::deferred::Deferred;
use super::stats::Signal;
use super::waiting::Taken;

const PRODUCERS: u64 = 3;
const RECORDS: u64 = 3;
const SCHEDULES: usize = 30_000;

/// An error that waits for its stack.
fn error(scope: &InstrumentationScope) -> Deferred {
    Deferred {
        signal: Signal::Traces,
        scope: scope.clone(),
        record: vec![1],
        gaps: Vec::new(),
        held: 0,
    }
}

/// Takes the errors that wait.
fn errors(buffer: &Buffer) -> u64 {
    let mut taken = 0;
    let mut take = |error: Taken<'_>| {
        taken += 1;
        buffer.release(error.held());
    };
    buffer
        .take_waiting()
        .each(&mut take, |block| buffer.keep_errors(block));
    taken
}

/// The consumer does what the worker does when it is woken. If a wake-up could be lost, all would wait for each other in some
/// schedule, which the checker tells.
#[test]
fn in_no_schedule_is_a_record_left_behind() {
    let run = || {
        let buffer = Arc::new(Buffer::new(Bounds {
            budget: 1 << 20,
            request: 1 << 16,
        }));
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let buffer = Arc::clone(&buffer);
                thread::spawn(move || {
                    let scope = InstrumentationScope::builder("a").build();
                    for at in 0..RECORDS {
                        if producer == 1 && at > 0 {
                            buffer.push_deferred(error(&scope));
                            continue;
                        }
                        if producer == 2 {
                            buffer
                                .push_note(Signal::Logs, &vec![0; if at == 1 { 5_000 } else { 1 }]);
                            continue;
                        }
                        // One of them is large enough to seal its chunk.
                        let size = if producer == 0 { 40_000 } else { 1 };
                        buffer.push(Signal::Logs, &scope, &vec![0; size]);
                    }
                })
            })
            .collect();
        future::block_on(async {
            let mut taken = 0;
            while taken < PRODUCERS * RECORDS {
                buffer.wake.notified().await;
                // As the worker does: once it has taken the note, it takes what the note is about.
                if buffer.is_watched() {
                    taken += errors(&buffer);
                    buffer.unwatch();
                    taken += errors(&buffer);
                }
                if buffer.is_armed() {
                    buffer.disarm();
                    let (full, open) = buffer.take_notes();
                    for block in full.into_iter().chain(open) {
                        taken += block.notes().count() as u64;
                        buffer.done_with(block);
                    }
                    buffer.seal_open();
                }
                while let Some((_, chunk)) = buffer.take_sealed() {
                    taken += chunk.records;
                    buffer.release(chunk.held);
                }
            }
        });
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(buffer.held(), 0);
        assert_eq!(buffer.stats().dropped_total(), 0);
    };
    check_random(run, SCHEDULES);
}
