//! The disk is full, or cannot be written; the endpoint's name resolves slowly. The subject makes these surroundings for itself.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use highlight_tests::support::{extended, free_address};
use server_mock::MockServer;
use tempfile::TempDir;

/// The subject in a scenario, with which the test talks.
struct Subject {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
    _spool: TempDir,
}

impl Subject {
    /// None where the system does not give it its surroundings; the reason is printed.
    fn start(scenario: &str) -> Option<(Self, String)> {
        let (spool, address) = (TempDir::new().unwrap(), free_address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_subject"));
        if scenario.ends_with("-disk") {
            command.env("HIGHLIGHT_SPOOL_DIR", spool.path());
        }
        let mut child = command
            .arg(scenario)
            .env("HIGHLIGHT_PROJECT_ID", "1")
            .env("HIGHLIGHT_OTLP_ENDPOINT", format!("http://{address}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = said.next().unwrap().unwrap();
        let mut subject = Subject {
            child,
            said,
            address,
            _spool: spool,
        };
        if first.starts_with("skipped because") {
            // Not by a macro, whose output is kept back where a test passes.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "{scenario}: {first}").unwrap();
            assert!(subject.child.wait().unwrap().success());
            return None;
        }
        Some((subject, first))
    }

    fn next(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    /// Starts the endpoint, tells the subject, and gives back what it says then, how many arrived, and its stderr.
    fn finish(mut self) -> (String, usize, String) {
        let server = MockServer::builder()
            .address(self.address.to_string())
            .start()
            .unwrap();
        writeln!(self.child.stdin.take().unwrap(), "go on").unwrap();
        let last = self.next();
        let output = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        let bodies = server.received().logs.into_iter().map(|log| log.body);
        let distinct: std::collections::HashSet<_> = bodies.collect();
        (last, distinct.len(), stderr)
    }
}

fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_full_disk_is_told_once_and_costs_nothing_that_memory_can_hold() {
    let Some((mut subject, first)) = Subject::start("full-disk") else {
        return;
    };
    assert!(
        first.starts_with("all true, some on disk and some in memory true"),
        "{first}"
    );
    if extended(true, false) {
        assert_eq!(subject.next(), "on disk");
    }
    let (last, arrived, stderr) = subject.finish();
    assert_eq!(last, format!("sent {arrived}, nothing lost true"));
    assert_eq!(times(&stderr, "cannot be used"), 1, "{stderr}");
    let again = times(&stderr, "can be written again");
    assert_eq!(again, extended(1, 0), "{stderr}");
}

#[test]
fn a_disk_that_can_only_be_read_is_told_once_and_telemetry_stays_in_memory() {
    let Some((subject, first)) = Subject::start("read-only-disk") else {
        return;
    };
    assert!(first.starts_with("all true"), "{first}");
    let (last, arrived, stderr) = subject.finish();
    assert_eq!(
        (last.as_str(), arrived),
        ("sent 200, nothing lost true", 200)
    );
    assert_eq!(times(&stderr, "cannot be used"), 1, "{stderr}");
}

#[test]
fn a_name_that_resolves_slowly_holds_up_neither_flush_nor_shutdown_nor_the_end() {
    let Some((mut subject, first)) = Subject::start("slow-name") else {
        return;
    };
    assert!(first.starts_with("start in time true"), "{first}");
    for expected in [
        "flush in time true",
        "flush times out true",
        "shutdown in time true",
        "shutdown counts true",
        "drop in time true",
        "arrived true",
        "leaving",
    ] {
        let said = subject.next();
        assert!(said.starts_with(expected), "{said}");
    }
    let left = Instant::now();
    assert!(subject.child.wait().unwrap().success());
    // The guard's half second, and no lookup's two.
    assert!(
        left.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        left.elapsed()
    );
}
