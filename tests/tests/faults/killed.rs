//! The process dies without warning; what it had on disk arrives.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use highlight::Signal;
use highlight_tests::support::{config, eventually, free_address};
use server_mock::MockServer;
use tempfile::TempDir;

/// The subject in a scenario that says when it is where it should be, and waits there to be killed.
struct Victim(Child);

impl Victim {
    fn start(scenario: &str, spool: &TempDir) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_subject"))
            .arg(scenario)
            .env("HIGHLIGHT_PROJECT_ID", "1")
            .env(
                "HIGHLIGHT_OTLP_ENDPOINT",
                format!("http://{}", free_address()),
            )
            .env("HIGHLIGHT_SPOOL_DIR", spool.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        (Victim(child), said.trim().to_owned())
    }

    /// As `kill -9`.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn what_a_killed_process_had_spooled_is_sent_by_the_next() {
    let spool = TempDir::new().unwrap();
    let (victim, said) = Victim::start("spool-and-wait", &spool);
    assert_eq!(said, "5000 on disk");
    victim.kill();
    let server = MockServer::start();
    let highlight = config(&server).spool_dir(spool.path()).start().unwrap();
    eventually("all is sent", || {
        highlight.stats().sent(Signal::Logs) == 5_000
    });
    let received = server.received();
    let distinct: std::collections::HashSet<_> =
        received.logs.iter().map(|log| &log.body).collect();
    assert_eq!(distinct.len(), 5_000);
    assert!(
        received
            .logs
            .iter()
            .all(|log| log.service_name == "subject")
    );
}

#[test]
fn a_process_killed_while_it_writes_leaves_whole_files_only() {
    for after in [1, 20, 60] {
        let spool = TempDir::new().unwrap();
        let (victim, said) = Victim::start("spool-without-end", &spool);
        assert_eq!(said, "writing");
        // At any moment: there is no right one to wait for.
        std::thread::sleep(Duration::from_millis(after));
        victim.kill();
        let server = MockServer::start();
        let highlight = config(&server).spool_dir(spool.path()).start().unwrap();
        eventually("the spool is empty", || {
            let stats = highlight.stats();
            stats.sent(Signal::Logs) > 0 && stats.spooled_total() == 0
        });
        let stats = highlight.stats();
        assert_eq!(stats.dropped_total(), 0, "{stats:?}");
        assert_eq!(
            server.received().logs.len() as u64,
            stats.sent(Signal::Logs)
        );
    }
}

#[test]
fn a_forked_child_is_silent_and_never_hangs_and_its_parent_goes_on() {
    let server = MockServer::start();
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_subject"))
        .arg("fork")
        .env("HIGHLIGHT_PROJECT_ID", "1")
        .env("HIGHLIGHT_OTLP_ENDPOINT", server.url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "children 20");
    let received = server.received();
    assert!(
        received
            .logs
            .iter()
            .all(|log| log.body.starts_with("parent"))
    );
    let before = received
        .logs
        .iter()
        .filter(|log| log.body == "parent before");
    assert_eq!(before.count(), 20);
    assert!(received.logs.iter().any(|log| log.body == "parent after"));
}
