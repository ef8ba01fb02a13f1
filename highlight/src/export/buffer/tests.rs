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
