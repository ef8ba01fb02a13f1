//! What is there after the day has ended in a panic. Global to this binary: the SDK and the panic hook.

use std::sync::atomic::Ordering;
use std::thread;

use server_mock::MockServer;

#[test]
fn every_panic_was_sent_before_the_last_one_got_out() {
    let server = MockServer::start();
    let config = highlight::Config::new("1jdkoe52").endpoint(server.url());
    crate::count_panics();

    let day = thread::Builder::new().name("shop".to_owned());
    let ended = day.spawn(|| crate::day(config)).unwrap().join();

    assert!(ended.is_err(), "the day ends in a panic");
    assert_eq!(crate::PANICS.load(Ordering::Relaxed), 3);
    // Nothing is waited for: the guard was dropped before the thread ended.
    let mut received = server.received();
    // By the time at which they happened: requests that are under way together may arrive in any order.
    received.errors.sort_by_key(|error| error.timestamp_ns);
    received.logs.sort_by_key(|log| log.timestamp_ns);
    let panics: Vec<_> = received
        .errors
        .iter()
        .map(|error| (error.error_type.as_str(), error.message.as_str()))
        .collect();
    assert_eq!(
        panics,
        [
            (
                "panic",
                "index out of bounds: the len is 2 but the index is 2"
            ),
            ("panic", "507 (i32)"),
            ("panic", "the till is not empty"),
        ]
    );
    assert!(received.errors[0].payload.contains("\"printer\""));
    assert!(received.errors[0].stacktrace.contains("print_page"));
    assert!(received.errors[2].payload.contains("\"shop\""));
    // The server makes a log of each error, too.
    let logs: Vec<_> = received
        .logs
        .iter()
        .filter(|log| log.severity_text != "error")
        .map(|log| log.body.as_str())
        .collect();
    assert_eq!(logs, ["the printer stopped", "a cleaner was called"]);
}
