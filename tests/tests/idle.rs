//! One thread, asleep while there is nothing to do. The process-global thing here is the list of the process's threads.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use highlight::{Config, Guard};
use highlight_tests::support::{eventually, extended};
use server_mock::MockServer;

/// The threads of this process that are the SDK's: all of theirs have names that begin with its own.
fn threads() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let paths = tasks.map(|task| task.unwrap().path());
    paths
        .filter(|path| {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            name.starts_with("highlight")
        })
        .collect()
}

/// How often a thread was put on a processor so far: it left it as often, of its own will or not.
fn wake_ups(thread: &Path) -> u64 {
    let status = fs::read_to_string(thread.join("status")).unwrap();
    let count = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
    switches.map(|line| count(line).unwrap()).sum()
}

/// One of each kind of record.
fn traffic(highlight: &Guard) {
    tracing::info_span!("work").in_scope(|| tracing::info!("working"));
    highlight.capture_error(&std::io::Error::other("broken"));
    highlight.record_count("works", 1, &[]);
    highlight.record_histogram("seconds", 0.5, &[]);
    highlight.flush().unwrap();
}

/// The SDK's one thread sleeps from when its work is done until there is more, but for so many wake-ups a minute.
fn sleeps_when_idle(highlight: &Guard, server: &MockServer, a_minute: u64) {
    traffic(highlight);
    // A collection of metrics has a thread of its own, which ends with it.
    eventually("one thread of the SDK is left", || threads().len() == 1);
    let [thread] = <[PathBuf; 1]>::try_from(threads()).unwrap();
    // What flush waits for is not the last that the worker does.
    eventually("its work is done", || {
        let before = wake_ups(&thread);
        std::thread::sleep(Duration::from_millis(300));
        wake_ups(&thread) == before
    });
    let quiet_for = |seconds| {
        let before = wake_ups(&thread);
        std::thread::sleep(Duration::from_secs(seconds));
        wake_ups(&thread) - before
    };
    assert_eq!(quiet_for(3), 0);
    if extended(true, false) {
        // The connection that is kept for the next request is looked at after half a minute, and closed by the second look. Each is a
        // wake-up, and so is the other side's answer. Then there is nothing left to wake for.
        let closing = quiet_for(70);
        assert!(closing <= 20, "{closing} wake-ups to close a connection");
        // Three minutes at most have begun.
        let woken = quiet_for(130);
        assert!(woken <= 3 * a_minute, "{woken} wake-ups");
    }

    let before = wake_ups(&thread);
    traffic(highlight);
    assert!(wake_ups(&thread) > before, "they are counted");
    assert_eq!(server.received().errors.len(), 2);
}

#[test]
fn there_is_one_thread_and_without_records_it_is_not_woken() {
    assert_eq!(threads().len(), 0);
    let server = MockServer::start();
    let config = Config::new("1").endpoint(server.url());
    let highlight = config.init().unwrap();
    sleeps_when_idle(&highlight, &server, 0);
    highlight.shutdown().unwrap();
    eventually("it is gone with the SDK", || threads().is_empty());

    let server = MockServer::start();
    let spool = tempfile::TempDir::new().unwrap();
    let config = Config::new("1").endpoint(server.url());
    let highlight = config.spool_dir(spool.path()).init().unwrap();
    // Once a minute it looks whether another process has left records there; that may take the processor from it once more.
    sleeps_when_idle(&highlight, &server, 2);
}
