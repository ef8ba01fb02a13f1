//! What handles count where no process-wide session makes every measurement look for it: in a process that never has one.

use std::collections::BTreeMap;

use highlight::{DropReason, Signal};
use highlight_tests::support::Pipeline;
use server_mock::{MetricValue, Received};

/// What counters and histograms have counted, by their names and tags, over all intervals.
fn counted(received: &Received) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for row in &received.metrics {
        let is_tag = |key: &str| ["shop", "country", "county"].contains(&key);
        let tags = row.attributes.iter().filter(|(key, _)| is_tag(key));
        let tags: BTreeMap<_, _> = tags.collect();
        let count = match row.value {
            MetricValue::Sum { value, .. } => format!("{value}").parse().unwrap_or(0),
            MetricValue::Histogram { count, .. } => count,
            _ => 0,
        };
        *counted.entry(format!("{} {tags:?}", row.name)).or_default() += count;
    }
    counted
}

#[test]
fn a_measurement_goes_by_what_its_tags_say_now() {
    let pipeline = Pipeline::start();
    let orders = pipeline.highlight.counter("orders");
    let total = pipeline.highlight.histogram("total");
    let mut expected = BTreeMap::new();
    let mut expect = |name: &str, tags: &[(&str, &str)], count: u64| {
        let tags: BTreeMap<_, _> = tags.iter().copied().collect();
        *expected.entry(format!("{name} {tags:?}")).or_default() += count;
    };
    // The same memory, of the same length, says something else each time; 17 bytes differ in the middle alone.
    let mut text = String::with_capacity(32);
    let address = text.as_ptr();
    for now in [
        "NL",
        "BE",
        "NL",
        "N",
        "berlin",
        "muenchen",
        "12345678x12345678",
        "12345678y12345678",
    ] {
        text.clear();
        text.push_str(now);
        assert_eq!(text.as_ptr(), address);
        for _ in 0..5 {
            orders.incr(&[("shop", "s-3"), ("country", &text)]);
            total.record(1.5, &[("country", &text)]);
        }
        expect("orders", &[("shop", "s-3"), ("country", now)], 5);
        expect("total", &[("country", now)], 5);
    }
    // By turns, in any order and number, under any name.
    for _ in 0..5 {
        for tags in [
            &[][..],
            &[("country", "NL")],
            &[("country", "BE")],
            &[("county", "BE")],
            &[("shop", "s-3"), ("country", "NL")],
            &[("country", "NL"), ("shop", "s-3")],
        ] {
            for _ in 0..3 {
                orders.add(2, tags);
                total.record(1.5, tags);
            }
            expect("orders", tags, 6);
            expect("total", tags, 3);
        }
    }
    assert_eq!(counted(&pipeline.received()), expected);
}

#[test]
fn two_sdks_count_for_themselves_and_one_goes_on_when_the_other_is_shut_down() {
    let (one, other) = (Pipeline::start(), Pipeline::start());
    let [of_one, of_other] = [&one, &other].map(|pipeline| pipeline.highlight.counter("orders"));
    let tags = [("shop", "berlin")];
    for _ in 0..10 {
        of_one.incr(&tags);
        of_other.add(3, &tags);
    }
    one.highlight.shutdown().unwrap();
    for _ in 0..10 {
        of_one.incr(&tags);
        of_other.add(3, &tags);
    }
    let name = r#"orders {"shop": "berlin"}"#.to_owned();
    let counts = [one.server.received(), other.received()].map(|received| counted(&received));
    assert_eq!(counts[0], BTreeMap::from([(name.clone(), 10)]));
    assert_eq!(counts[1], BTreeMap::from([(name, 60)]));
    let dropped = |pipeline: &Pipeline| {
        let stats = pipeline.highlight.stats();
        stats.dropped(Signal::Metrics, DropReason::Shutdown)
    };
    assert_eq!((dropped(&one), dropped(&other)), (10, 0));
}

#[test]
fn nothing_is_lost_or_doubled_while_threads_measure_and_intervals_end() {
    const EACH: u64 = 20_000;
    let pipeline = Pipeline::start();
    let orders = pipeline.highlight.counter("orders");
    let total = pipeline.highlight.histogram("total");
    std::thread::scope(|scope| {
        let threads: Vec<_> = ["NL", "BE"]
            .map(|country| {
                let (orders, total) = (&orders, &total);
                scope.spawn(move || {
                    for _ in 0..EACH {
                        orders.incr(&[("country", country)]);
                        total.record(12.5, &[]);
                    }
                })
            })
            .into();
        while !threads
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            pipeline.highlight.flush().unwrap();
        }
    });
    let expected = [
        (r#"orders {"country": "BE"}"#, EACH),
        (r#"orders {"country": "NL"}"#, EACH),
        ("total {}", 2 * EACH),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counted(&pipeline.received()), BTreeMap::from(expected));
}
