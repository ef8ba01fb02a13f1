//! The endpoint fails in every way it can, and all that was said arrives or is counted.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use highlight::{Config, DropReason, Guard, Severity, Signal};
use highlight_tests::faulty::{Fault, Proxy};
use highlight_tests::support::{Pipeline, config, eventually, extended};
use server_mock::{Answer, MockServer};

fn say(highlight: &highlight::Highlight, records: std::ops::Range<usize>) {
    for at in records {
        highlight.log(Severity::Info, |record| {
            record.body(&format_args!("record {at}"));
        });
    }
}

fn through(proxy: &Proxy, set: impl FnOnce(Config) -> Config) -> Guard {
    let config = Config::new("1")
        .endpoint(proxy.url())
        .batch_delay(Duration::from_millis(10));
    set(config).start().unwrap()
}

/// Numbers that look random and are the same in every run.
fn dice(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |last| {
        Some(
            last.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    })
    .map(|number| number >> 33)
}

#[test]
fn busy_answers_at_random_for_a_whole_run_lose_nothing() {
    let batches = extended(200, 24);
    // Eight failures follow one another, with pauses that grow to thirty seconds: a minute and a half at the most.
    let pipeline = Pipeline::with(|config| config.shutdown_timeout(Duration::from_mins(3)));
    pipeline
        .server
        .script(dice(7).take(batches).map(|number| match number % 4 {
            0 => Answer::status(503),
            1 => Answer::status(429),
            _ => Answer::Delay(Duration::ZERO),
        }));
    for at in 0..batches {
        say(&pipeline.highlight, at * 100..at * 100 + 100);
        // Ends the pause of the retry, so that the run is short.
        pipeline.highlight.flush().unwrap();
    }
    let received = pipeline.received();
    assert_eq!(received.logs.len(), batches * 100, "none is there twice");
    let distinct: HashSet<_> = received.logs.iter().map(|log| &log.body).collect();
    assert_eq!(distinct.len(), batches * 100);
    let failed = received
        .requests
        .iter()
        .filter(|request| request.status != 200);
    assert!(failed.count() > batches / 4);
}

#[test]
fn a_request_whose_answer_is_lost_comes_again_with_the_same_id() {
    let server = MockServer::start();
    let faults = [Fault::LoseAnswer, Fault::CutRequest, Fault::LoseAnswer];
    let proxy = Proxy::before(server.address(), faults);
    let highlight = through(&proxy, |config| config);
    say(&highlight, 0..500);
    highlight.flush().unwrap();
    assert_eq!(proxy.faults_left(), 0);
    let received = server.received();
    let mut by_id = HashMap::<_, usize>::new();
    for request in &received.requests {
        *by_id
            .entry(&request.headers["x-highlight-batch"])
            .or_default() += request.records;
    }
    assert_eq!(
        received.requests.len(),
        3,
        "two were stored without our knowing"
    );
    let distinct: HashSet<_> = received.logs.iter().map(|log| &log.body).collect();
    assert_eq!(distinct.len(), 500);
    assert_eq!(
        by_id.len(),
        1,
        "whoever looks at the ids stores each record once"
    );
    assert_eq!(highlight.stats().sent(Signal::Logs), 500);
}

#[test]
fn an_answer_that_hangs_or_trickles_is_given_up_and_the_request_repeated() {
    let server = MockServer::start();
    let proxy = Proxy::before(server.address(), [Fault::HangInAnswer, Fault::Trickle]);
    let highlight = through(&proxy, |config| {
        config.export_timeout(Duration::from_millis(300))
    });
    say(&highlight, 0..10);
    highlight.flush().unwrap();
    assert_eq!(server.received().logs.len(), 10);
}

#[test]
fn shutdown_keeps_its_bound_while_an_answer_hangs_or_trickles() {
    let server = MockServer::start();
    for fault in [Fault::HangInAnswer, Fault::Trickle] {
        let proxy = Proxy::before(server.address(), [fault; 4]);
        let timeout = Duration::from_millis(400);
        let highlight = through(&proxy, |config| config.shutdown_timeout(timeout));
        say(&highlight, 0..10);
        let started = Instant::now();
        drop(highlight);
        let took = started.elapsed();
        assert!(took < timeout + Duration::from_millis(200), "{took:?}");
    }
}

#[test]
fn a_request_that_is_too_large_is_split_until_it_fits() {
    let pipeline = Pipeline::with(|config| config.batch_delay(Duration::from_hours(1)));
    pipeline
        .server
        .script([Answer::status(413), Answer::status(413)]);
    say(&pipeline.highlight, 0..1_001);
    pipeline.highlight.flush().unwrap();
    let received = pipeline.server.received();
    let distinct: HashSet<_> = received.logs.iter().map(|log| &log.body).collect();
    assert_eq!((distinct.len(), received.logs.len()), (1_001, 1_001));
    assert_eq!(pipeline.highlight.stats().dropped_total(), 0);
    let sizes: Vec<_> = received
        .requests
        .iter()
        .map(|request| (request.status, request.records))
        .filter(|(status, _)| *status == 200)
        .collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    // Further requests are smaller by themselves.
    say(&pipeline.highlight, 2_000..3_001);
    pipeline.highlight.flush().unwrap();
    let received = pipeline.server.received();
    let largest = received.requests[5..].iter().map(|request| request.records);
    assert!(largest.max().unwrap() < 1_001);
}

#[test]
fn a_single_record_that_is_too_large_for_the_endpoint_is_counted() {
    let pipeline = Pipeline::answering([Answer::status(413)]);
    say(&pipeline.highlight, 0..1);
    assert_eq!(
        pipeline.highlight.flush(),
        Err(highlight::FlushError::Lost { records: 1 })
    );
    let stats = pipeline.highlight.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::TooLarge), 1);
}

#[test]
fn no_request_is_larger_than_the_limit() {
    const LIMIT: usize = 16 * 1024;
    let pipeline = Pipeline::with(|config| config.request_bytes(LIMIT));
    for (at, size) in dice(3).take(500).enumerate() {
        let text = "x".repeat(usize::try_from(size % 9_000).unwrap());
        pipeline.highlight.log(Severity::Info, |record| {
            record.body(&format_args!("{at} {text}"));
        });
    }
    // With their stacks these are far larger than when they are made.
    for _ in 0..20 {
        pipeline
            .highlight
            .capture_error(&std::io::Error::other("broken"));
    }
    let received = pipeline.received();
    // An error makes a row among the logs too.
    assert_eq!((received.logs.len(), received.errors.len()), (520, 20));
    let largest = received
        .requests
        .iter()
        .map(|request| request.decoded_bytes);
    assert!(largest.max().unwrap() <= LIMIT);
}

#[test]
fn an_endpoint_that_goes_and_comes_back_again_and_again_gets_everything() {
    let rounds = extended(20, 4);
    let address = highlight_tests::support::free_address();
    let highlight = Config::new("1")
        .endpoint(format!("http://{address}"))
        .batch_delay(Duration::from_millis(10))
        .start()
        .unwrap();
    let mut stored = HashSet::new();
    for round in 0..rounds {
        say(&highlight, round * 100..round * 100 + 50);
        let server = MockServer::builder()
            .address(address.to_string())
            .start()
            .unwrap();
        say(&highlight, round * 100 + 50..round * 100 + 100);
        highlight.flush().unwrap();
        stored.extend(server.received().logs.into_iter().map(|log| log.body));
    }
    assert_eq!(stored.len(), rounds * 100);
    assert_eq!(highlight.stats().sent(Signal::Logs), rounds as u64 * 100);
}

#[test]
fn a_credential_that_is_refused_is_told_once_and_costs_only_what_was_refused() {
    let server = MockServer::start();
    server.script([Answer::status(401), Answer::status(403)]);
    let highlight = config(&server).start().unwrap();
    for at in 0..3 {
        say(&highlight, at..at + 1);
        let _ = highlight.flush();
    }
    eventually("the third is sent", || {
        highlight.stats().sent(Signal::Logs) == 1
    });
    let stats = highlight.stats();
    assert_eq!(stats.dropped(Signal::Logs, DropReason::Rejected), 2);
    assert_eq!(server.received().requests.len(), 3, "none is repeated");
}
