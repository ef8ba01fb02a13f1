//! What is queued arrives, or the caller is told; and no wait is longer than its bound.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use highlight::{Config, DropReason, FlushError, Severity, Signal};
use highlight_tests::support::{Pipeline, config};
use server_mock::{Answer, MockServer};

fn say(highlight: &highlight::Highlight, text: &str) {
    highlight.log(Severity::Info, |record| {
        record.body(text);
    });
}

#[test]
fn a_flush_sends_what_is_queued() {
    let pipeline = Pipeline::with(|config| config.batch_delay(Duration::from_hours(1)));
    say(&pipeline.highlight, "first");
    assert_eq!(pipeline.highlight.stats().queued(Signal::Logs), 1);
    pipeline.highlight.flush().unwrap();
    assert_eq!(pipeline.server.received().logs.len(), 1);
    let stats = pipeline.highlight.stats();
    assert_eq!(
        (stats.sent(Signal::Logs), stats.queued(Signal::Logs)),
        (1, 0)
    );
    assert_eq!(stats.queued_bytes(), 0);
}

#[test]
fn records_leave_by_themselves_after_the_delay() {
    let pipeline = Pipeline::start();
    say(&pipeline.highlight, "one");
    pipeline
        .server
        .wait_for_blocking(|received| received.logs.len() == 1);
    say(&pipeline.highlight, "two");
    pipeline
        .server
        .wait_for_blocking(|received| received.logs.len() == 2);
}

#[test]
fn dropping_the_guard_sends_what_is_queued() {
    let Pipeline { highlight, server } =
        Pipeline::with(|config| config.batch_delay(Duration::from_hours(1)));
    say(&highlight, "last words");
    let handle = highlight.handle();
    drop(highlight);
    assert_eq!(server.received().logs.len(), 1);
    say(&handle, "too late");
    assert_eq!(handle.flush(), Err(FlushError::Stopped));
    assert_eq!(
        handle.stats().dropped(Signal::Logs, DropReason::Shutdown),
        1
    );
    assert_eq!(handle.shutdown(), Err(FlushError::Stopped));
}

#[test]
fn a_busy_endpoint_is_asked_again() {
    for status in [429, 502, 503, 504] {
        let pipeline = Pipeline::answering([Answer::status(status)]);
        say(&pipeline.highlight, "patient");
        pipeline.highlight.flush().unwrap();
        let received = pipeline.server.received();
        let statuses: Vec<_> = received
            .requests
            .iter()
            .map(|request| request.status)
            .collect();
        assert_eq!(statuses, [status, 200]);
        assert_eq!(received.logs.len(), 1);
    }
}

#[test]
fn retry_after_is_honoured_even_by_a_flush() {
    let pipeline = Pipeline::answering([Answer::status(503).retry_after_secs(2)]);
    say(&pipeline.highlight, "patient");
    let started = Instant::now();
    pipeline.highlight.flush().unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(pipeline.server.received().logs.len(), 1);
}

#[test]
fn a_reset_connection_is_tried_again() {
    let pipeline = Pipeline::answering([Answer::Reset, Answer::Reset]);
    say(&pipeline.highlight, "again");
    pipeline.highlight.flush().unwrap();
    assert_eq!(pipeline.server.received().logs.len(), 1);
}

#[test]
fn a_hanging_request_is_given_up_and_tried_again() {
    let pipeline = Pipeline::with(|config| config.export_timeout(Duration::from_millis(200)));
    pipeline.server.script([Answer::Hang]);
    say(&pipeline.highlight, "again");
    pipeline.highlight.flush().unwrap();
    assert_eq!(pipeline.server.received().logs.len(), 1);
}

#[test]
fn a_refusal_is_told_counted_and_not_repeated() {
    for status in [400, 401, 403, 404, 500] {
        let pipeline = Pipeline::answering([Answer::status(status)]);
        say(&pipeline.highlight, "unwelcome");
        assert_eq!(
            pipeline.highlight.flush(),
            Err(FlushError::Lost { records: 1 })
        );
        let stats = pipeline.highlight.stats();
        assert_eq!(
            stats.dropped(Signal::Logs, DropReason::Rejected),
            1,
            "{status}"
        );
        assert_eq!(pipeline.server.received().requests.len(), 1);
        // The next record is another matter.
        say(&pipeline.highlight, "welcome");
        pipeline.highlight.flush().unwrap();
    }
}

#[test]
fn a_partial_success_is_counted() {
    let pipeline = Pipeline::answering([Answer::Partial {
        rejected: 2,
        message: "two of them were odd".into(),
    }]);
    for text in ["a", "b", "c"] {
        say(&pipeline.highlight, text);
    }
    assert_eq!(
        pipeline.highlight.flush(),
        Err(FlushError::Lost { records: 2 })
    );
    let stats = pipeline.highlight.stats();
    assert_eq!(stats.sent(Signal::Logs), 1);
    assert_eq!(stats.dropped(Signal::Logs, DropReason::Rejected), 2);
}

#[test]
fn a_partial_success_that_lies_does_not_upset_the_counts() {
    let pipeline = Pipeline::answering([Answer::Partial {
        rejected: i64::MAX,
        message: String::new(),
    }]);
    say(&pipeline.highlight, "a");
    assert_eq!(
        pipeline.highlight.flush(),
        Err(FlushError::Lost { records: 1 })
    );
    assert_eq!(pipeline.highlight.stats().dropped_total(), 1);
}

#[test]
fn shutdown_is_bounded_and_truthful_whatever_the_endpoint_does() {
    let refuses = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    // Accepts into its backlog and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = MockServer::start();
    hanging.script([Answer::Hang, Answer::Hang, Answer::Hang]);
    for endpoint in [
        format!("http://{refuses}"),
        format!("http://{}", silent.local_addr().unwrap()),
        hanging.url(),
        "http://no-such-host.invalid:4318".to_owned(),
    ] {
        let timeout = Duration::from_millis(400);
        let highlight = Config::new("1")
            .endpoint(&endpoint)
            .shutdown_timeout(timeout)
            .start()
            .unwrap();
        say(&highlight, "lost");
        let started = Instant::now();
        let flushed = highlight.flush();
        assert_eq!(
            flushed,
            Err(FlushError::TimedOut { after: timeout }),
            "{endpoint}"
        );
        assert_eq!(
            highlight.shutdown(),
            Err(FlushError::Lost { records: 1 }),
            "{endpoint}"
        );
        let stats = highlight.stats();
        assert_eq!(
            stats.dropped(Signal::Logs, DropReason::Shutdown),
            1,
            "{endpoint}"
        );
        assert_eq!(stats.queued(Signal::Logs), 0);
        drop(highlight);
        let took = started.elapsed();
        assert!(
            took < timeout * 2 + Duration::from_millis(500),
            "{endpoint}: {took:?}"
        );
    }
}

#[test]
fn what_waits_while_the_endpoint_is_down_arrives_when_it_is_back() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let highlight = Config::new("1")
        .endpoint(format!("http://{address}"))
        .batch_delay(Duration::from_millis(10))
        .start()
        .unwrap();
    for at in 0..100 {
        say(&highlight, &format!("record {at}"));
    }
    let server = MockServer::builder()
        .address(address.to_string())
        .start()
        .unwrap();
    highlight.flush().unwrap();
    assert_eq!(server.received().logs.len(), 100);
}

#[test]
fn a_burst_arrives_whole() {
    const RECORDS: usize = 50_000;
    let pipeline = Pipeline::start();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let highlight = pipeline.highlight.handle();
            std::thread::spawn(move || {
                for at in 0..RECORDS / 4 {
                    say(&highlight, &format!("thread {thread} record {at}"));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let received = pipeline.received();
    assert_eq!(received.logs.len(), RECORDS);
    let distinct: std::collections::HashSet<_> =
        received.logs.iter().map(|log| log.body.as_str()).collect();
    assert_eq!(distinct.len(), RECORDS);
    assert_eq!(pipeline.highlight.stats().dropped_total(), 0);
}

#[test]
fn a_full_buffer_drops_the_newest_and_counts_it() {
    let server = MockServer::start();
    server.script([Answer::status(503).retry_after_secs(1)]);
    let highlight = config(&server).byte_budget(64 * 1024).start().unwrap();
    for at in 0..2_000 {
        say(&highlight, &format!("record {at:04}"));
    }
    let stats = highlight.stats();
    let dropped = stats.dropped(Signal::Logs, DropReason::BufferFull);
    assert!(dropped > 0 && dropped < 2_000, "{dropped}");
    assert!(stats.queued_bytes() <= 64 * 1024);
    highlight.flush().unwrap();
    let received = server.received();
    assert_eq!(received.logs.len() as u64 + dropped, 2_000);
    // Requests that are under way together may arrive in any order.
    let oldest = received.logs.iter().map(|log| log.body.as_str()).min();
    assert_eq!(oldest, Some("record 0000"));
}

#[test]
fn starting_takes_little_time() {
    // Not a benchmark: an order of magnitude below what anybody would notice.
    let server = MockServer::start();
    let started = Instant::now();
    let highlight = config(&server).start().unwrap();
    assert!(
        started.elapsed() < Duration::from_millis(50),
        "{:?}",
        started.elapsed()
    );
    drop(highlight);
}
