//! The parts that inserts make: small and cheap, complete once they are merged.

use server_mock::MockServer;

use crate::embedded::server;
use crate::support::{log, logs, send};

fn ask(server: &MockServer, query: &str) -> String {
    let answer = server.sql(query);
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    answer.trim().to_owned()
}

/// How many bytes of skip indexes the table's parts have.
fn indexes(server: &MockServer) -> u64 {
    let bytes = "SELECT sum(secondary_indices_compressed_bytes) FROM system.parts \
        WHERE active AND database = currentDatabase() AND table = 'logs'";
    ask(server, bytes).parse().expect("a sum is a number")
}

#[tokio::test]
async fn skip_indexes_are_left_to_merges_and_a_search_finds_the_same_without() {
    let server = server("parts");
    let request = logs(vec![
        log("the payment failed", "error", &[("cart", "seven")]),
        log("the payment went through", "info", &[("cart", "eight")]),
    ]);
    assert_eq!(
        send(&server.url(), "/v1/logs", &request).await.status(),
        200
    );
    let found = || {
        [
            "hasToken(Body, 'failed')",
            "has(mapValues(LogAttributes), 'seven')",
        ]
        .map(|condition| {
            let bodies = format!("SELECT Body FROM logs WHERE {condition}");
            ask(&server, &bodies)
        })
    };
    assert_eq!(indexes(&server), 0);
    assert_eq!(found(), ["the payment failed"; 2]);
    ask(&server, "OPTIMIZE TABLE logs FINAL");
    assert!(indexes(&server) > 0);
    assert_eq!(found(), ["the payment failed"; 2]);
}

#[test]
fn tables_that_are_there_already_are_merged_late_too() {
    let late = |server: &MockServer| {
        let tables = "SELECT count() FROM system.tables WHERE database = currentDatabase() \
            AND engine_full LIKE '%merge_selector_base = 16%'";
        ask(server, tables)
    };
    let first = server("merges");
    assert_eq!(late(&first), "6");
    ask(&first, "ALTER TABLE logs RESET SETTING merge_selector_base");
    assert_eq!(late(&first), "5");
    drop(first);
    assert_eq!(late(&server("merges")), "6");
}
