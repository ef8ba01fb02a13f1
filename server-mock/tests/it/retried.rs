//! Requests that come again, by the name they have over retries: their rows are stored once, also when an earlier attempt stored
//! some of them.

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use server_mock::MockServer;

use crate::embedded::server;
use crate::support::{event, log, logs, post, span, spans};

async fn send(server: &MockServer, path: &str, name: &str, message: &impl Message) -> u16 {
    let request = post(&server.url(), path).header("x-highlight-batch", name);
    let answer = request.body(message.encode_to_vec()).send().await;
    answer.expect("the server answers").status().as_u16()
}

fn count(server: &MockServer, table: &str) -> String {
    let count = server.sql(&format!("SELECT count() FROM {table}"));
    let count = count.unwrap_or_else(|error| panic!("{error}"));
    count.trim().to_owned()
}

/// A span that fills three tables.
fn failing(number: usize) -> Span {
    let exception = event("exception", &[("exception.message", "no money")]);
    span(&format!("pay {number}"), &[], vec![exception])
}

#[tokio::test]
async fn what_was_stored_of_a_group_that_failed_halfway_is_not_stored_again() {
    const REQUESTS: usize = 8;
    let server = server("halfway");
    server.sql("RENAME TABLE errors TO away").unwrap();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| (number.to_string(), spans(vec![failing(number)])))
        .collect();
    let send_all = || async {
        let sent = requests
            .iter()
            .map(|(name, message)| send(&server, "/v1/traces", name, message));
        futures_util::future::join_all(sent).await
    };
    assert_eq!(send_all().await, [503; REQUESTS]);
    let stored = || ["logs", "traces", "errors"].map(|table| count(&server, table));
    assert_eq!(
        count(&server, "logs"),
        "8",
        "the failure is between two tables"
    );

    server.sql("RENAME TABLE away TO errors").unwrap();
    assert_eq!(send_all().await, [200; REQUESTS]);
    assert_eq!(stored(), ["8", "8", "8"]);
    let joined = "SELECT uniqExact(UUID) FROM logs INNER JOIN errors ON logs.UUID = errors.LogUUID";
    assert_eq!(
        server.sql(joined).unwrap(),
        "8\n",
        "each error names its log"
    );

    assert_eq!(send_all().await, [200; REQUESTS], "the answers were lost");
    assert_eq!(stored(), ["8", "8", "8"]);
}

#[tokio::test]
async fn a_request_that_comes_twice_at_once_is_stored_once() {
    let server = server("twice");
    let message = logs(vec![log("once", "info", &[])]);
    let sent = (0..20).map(|_| send(&server, "/v1/logs", "same", &message));
    assert_eq!(futures_util::future::join_all(sent).await, [200; 20]);
    assert_eq!(count(&server, "logs"), "1");
}

#[tokio::test]
async fn other_requests_are_stored_whatever_they_are_called() {
    let server = server("others");
    let message = logs(vec![log("one", "info", &[])]);
    for _ in 0..2 {
        let answer = post(&server.url(), "/v1/logs").body(message.encode_to_vec());
        assert_eq!(answer.send().await.unwrap().status(), 200);
    }
    assert_eq!(
        count(&server, "logs"),
        "2",
        "nothing says that they are the same"
    );
    for name in ["a", "b"] {
        assert_eq!(send(&server, "/v1/logs", name, &message).await, 200);
    }
    let longer = logs(vec![log("another", "info", &[])]);
    assert_eq!(send(&server, "/v1/logs", "a", &longer).await, 200);
    assert_eq!(count(&server, "logs"), "5");
}

#[tokio::test]
async fn what_a_process_before_has_stored_is_not_stored_again() {
    let request = spans(vec![failing(0), failing(1)]);
    let first = server("successor");
    let rows = |server: &MockServer| ["logs", "traces", "errors"].map(|table| count(server, table));
    assert_eq!(send(&first, "/v1/traces", "whole", &request).await, 200);
    first.sql("RENAME TABLE errors TO away").unwrap();
    let halfway = spans(vec![failing(2)]);
    assert_eq!(send(&first, "/v1/traces", "half", &halfway).await, 503);
    first.sql("RENAME TABLE away TO errors").unwrap();
    assert_eq!(rows(&first), ["3", "3", "2"]);
    drop(first);

    let second = server("successor");
    assert_eq!(send(&second, "/v1/traces", "whole", &request).await, 200);
    assert_eq!(send(&second, "/v1/traces", "half", &halfway).await, 200);
    assert_eq!(rows(&second), ["3", "3", "3"]);
}

#[tokio::test]
async fn a_request_of_which_a_process_before_has_stored_a_part_is_not_lost() {
    let first = server("part");
    let request = logs(vec![log("one", "info", &[]), log("two", "info", &[])]);
    assert_eq!(send(&first, "/v1/logs", "a", &request).await, 200);
    first
        .sql("ALTER TABLE logs DELETE WHERE Body = 'two' SETTINGS mutations_sync = 1")
        .unwrap();
    drop(first);
    let second = server("part");
    assert_eq!(send(&second, "/v1/logs", "a", &request).await, 200);
    assert_eq!(
        second.sql("SELECT uniqExact(Body) FROM logs").unwrap(),
        "2\n"
    );
}
