//! What a log or a measurement costs the heap: nothing on the caller's thread, once the thread and the call site or the series are
//! known and the block that takes the records has room.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use highlight_tests::support::Pipeline;
use server_mock::{MetricRow, MetricValue};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The thread may be ending.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocated_by(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn log(at: u64) {
    tracing::info!(
        cart = "c-17",
        total = 12.5,
        items = at,
        paid = true,
        "order placed"
    );
}

#[test]
fn a_log_with_primitive_fields_allocates_nothing_but_room_for_many() {
    // Nothing is sent meanwhile but what is a full megabyte.
    let pipeline = Pipeline::with(|config| config.batch_delay(Duration::from_mins(1)));
    let _subscribed = pipeline.subscribe();
    (0..2_000).for_each(log);
    let each: Vec<_> = (0..2_000).map(|at| allocated_by(|| log(at))).collect();
    let with = each.iter().filter(|count| **count > 0).count();
    // A block of 64 KiB is room for more than a hundred records; after a full megabyte the first blocks are smaller.
    assert!(with <= 40, "{with} of 2,000 logs allocated");
    let span = tracing::info_span!("charge", cart = "c-17");
    let _inside = span.enter();
    let inside: Vec<_> = (0..2_000).map(|at| allocated_by(|| log(at))).collect();
    let with = inside.iter().filter(|count| **count > 0).count();
    assert!(with <= 40, "{with} of 2,000 logs in a span allocated");
    // Had they not been recorded, this would be no test.
    assert_eq!(pipeline.received().logs.len(), 6_000);
}

#[test]
fn a_measurement_of_a_known_series_allocates_nothing() {
    let pipeline = Pipeline::with(|config| config.metric_interval(Duration::from_mins(1)));
    let highlight = &pipeline.highlight;
    let orders = highlight.counter("orders");
    let (total, queue) = (highlight.histogram("total"), highlight.gauge("queue"));
    let carts = highlight.up_down_counter("carts");
    let measure = || {
        for country in ["NL", "BE"] {
            let tags = [("shop", "s-3"), ("country", country)];
            orders.incr(&tags);
            total.record(12.5, &tags);
            queue.record(3.0, &tags);
            carts.add(-1, &tags);
            highlight.record_incr("by.name", &tags);
        }
    };
    measure();
    assert_eq!(allocated_by(|| (0..1_000).for_each(|_| measure())), 0);
    // As above.
    let received = pipeline.received();
    assert_eq!(received.metrics.len(), 10);
    let total = |row: &&MetricRow| row.name == "total";
    for row in received.metrics.iter().filter(total) {
        assert!(
            matches!(row.value, MetricValue::Histogram { count: 1_001, .. }),
            "{row:?}"
        );
    }
}
