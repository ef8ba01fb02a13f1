//! More than usual: bursts, many threads, an endpoint that is slower than the application.

use std::collections::HashSet;
use std::time::Duration;

use highlight::{Config, Guard, Severity, Signal};
use highlight_tests::support::{eventually, extended, records_by_request_id};
use server_mock::{Answer, MockServer};

/// So many threads say so many records each, all at once.
fn burst(highlight: &Guard, threads: usize, each: usize) {
    let ready = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (highlight, ready) = (highlight.handle(), &ready);
            scope.spawn(move || {
                ready.wait();
                for at in 0..each {
                    highlight.log(Severity::Info, |record| {
                        record
                            .body(&format_args!("record {at} of thread {thread}"))
                            .int("at", i64::try_from(at).unwrap())
                            .text("name", "a value of common length");
                    });
                }
            });
        }
    });
}

#[track_caller]
fn assert_all(server: &MockServer, highlight: &Guard, records: usize) {
    eventually("everything is settled", || {
        highlight.stats().queued(Signal::Logs) == 0 && highlight.stats().spooled_total() == 0
    });
    let stats = highlight.stats();
    assert_eq!(stats.dropped_total(), 0, "{stats:?}");
    assert_eq!(stats.sent(Signal::Logs), records as u64);
    let received = server.received();
    let distinct: HashSet<_> = received.logs.iter().map(|log| &log.body).collect();
    assert_eq!(distinct.len(), records);
    // A server that is slower than the export timeout gets requests twice.
    assert_eq!(records_by_request_id(&received), records);
}

#[test]
fn a_quarter_of_a_million_logs_in_one_burst_arrive_whole_at_defaults() {
    let server = MockServer::start();
    let highlight = Config::new("1").endpoint(server.url()).start().unwrap();
    burst(&highlight, 4, 62_500);
    assert_all(&server, &highlight, 250_000);
}

#[test]
fn sixty_four_threads_at_once_lose_nothing() {
    let server = MockServer::start();
    let highlight = Config::new("1").endpoint(server.url()).start().unwrap();
    burst(&highlight, 64, 500);
    assert_all(&server, &highlight, 64 * 500);
}

#[test]
fn a_slow_endpoint_and_a_small_budget_lose_nothing_with_a_spool() {
    let spool = tempfile::TempDir::new().unwrap();
    let server = MockServer::start();
    server.script((0..extended(100, 8)).map(|_| Answer::Delay(Duration::from_millis(300))));
    let highlight = Config::new("1")
        .endpoint(server.url())
        .byte_budget(16 * 1024 * 1024)
        .spool_dir(spool.path())
        .start()
        .unwrap();
    let each = extended(250_000, 10_000);
    burst(&highlight, 4, each);
    let stats = highlight.stats();
    assert!(stats.queued_bytes() <= 16 * 1024 * 1024);
    // Whether the worker keeps up with four threads depends on the machine; what it does not is counted.
    let dropped = stats.dropped(Signal::Logs, highlight::DropReason::BufferFull);
    eventually("everything is settled", || {
        highlight.stats().queued(Signal::Logs) == 0 && highlight.stats().spooled_total() == 0
    });
    let arrived = records_by_request_id(&server.received());
    assert_eq!(arrived as u64 + dropped, each as u64 * 4);
}
