//! From the application to ClickHouse: what was said is what is stored and what is counted as dropped, whoever dies in between.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use highlight::{Config, Severity, Signal};
use highlight_tests::support::{eventually, extended, free_address};
use tempfile::TempDir;

/// The ingest server in a process of its own.
struct Ingest {
    child: Child,
    sql: String,
}

impl Ingest {
    fn start(address: SocketAddr, data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_subject"))
            .arg("ingest")
            .env("INGEST_ADDRESS", address.to_string())
            .env("INGEST_DATA", data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sql = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut sql).unwrap();
        let sql = sql.trim().to_owned();
        assert!(!sql.is_empty(), "the server did not start: see above");
        Ingest { child, sql }
    }

    /// As `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn number(&self, query: &str) -> u64 {
        let url = format!("{}/?query={}", self.sql, query.replace(' ', "+"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let text = runtime.block_on(async { reqwest::get(url).await?.text().await });
        let text = text.unwrap();
        text.trim().parse().unwrap_or_else(|_| panic!("{text}"))
    }
}

#[test]
fn all_is_stored_or_counted_although_the_server_is_killed_in_mid_insert() {
    let (data, address) = (TempDir::new().unwrap(), free_address());
    let mut ingest = Ingest::start(address, data.path());
    // Many small requests, and a budget that a burst can exceed.
    let highlight = Config::new("1")
        .endpoint(format!("http://{address}"))
        .batch_delay(Duration::from_millis(5))
        .request_bytes(64 * 1024)
        .byte_budget(1024 * 1024)
        .start()
        .unwrap();
    let mut said: u64 = 0;
    for _ in 0..extended(10, 3) {
        let before = highlight.stats().sent(Signal::Logs);
        for _ in 0..20_000 {
            highlight.log(Severity::Info, |record| {
                record.body(&format_args!("record {said}"));
            });
            said += 1;
        }
        eventually("requests are acknowledged", || {
            highlight.stats().sent(Signal::Logs) > before
        });
        // Others are being stored.
        ingest.kill();
        ingest = Ingest::start(address, data.path());
    }
    eventually("all is settled", || {
        let _ = highlight.flush();
        highlight.stats().queued(Signal::Logs) == 0
    });
    let stats = highlight.stats();
    assert_eq!(stats.sent(Signal::Logs) + stats.dropped_total(), said);
    // A request whose answer died with the server was sent again, and may be stored twice.
    let stored = ingest.number("SELECT uniqExact(Body) FROM logs");
    assert_eq!(stored + stats.dropped_total(), said, "{stats:?}");
    assert!(stored > 0);
    ingest.kill();
}
