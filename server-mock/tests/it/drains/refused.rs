//! What is not taken, and how its sender learns why.

use serde_json::json;
use server_mock::{Answer, Clickhouse, MockServer};

use super::{post, rows, send, told};
use crate::embedded::{data_dir, sql};
use crate::support::gzip;

const MEGABYTE: usize = 1024 * 1024;

#[tokio::test]
async fn a_body_of_which_nothing_can_be_taken_is_refused_with_the_reason() {
    let nested = format!("{{\"k\":{}{}}}", "[".repeat(60), "]".repeat(60));
    let recursive = "[".repeat(100_000);
    let deeper = format!("{{\"k\":{}", "[".repeat(100_000));
    let repeated = format!("{{\"{}\":[{}1]}}", "k".repeat(10_000), "1,".repeat(10_000));
    let two = "{\"message\":\"1\"}\n{\"message\":\"2\"}";
    let long = format!("{{\"message\":\"{}\"}}", "m".repeat(17 * MEGABYTE));
    for (path, body, status, reason) in [
        (
            "raw",
            "",
            400,
            "the body is empty: it is the message of a log",
        ),
        (
            "json",
            "",
            400,
            "nothing was taken: 1 with text that is not JSON (first in line 1)",
        ),
        (
            "json",
            "{\"a\":",
            400,
            "nothing was taken: 1 with text that is not JSON (first in line 1, column 5)",
        ),
        (
            "json",
            "[{}]",
            400,
            "nothing was taken: 1 with JSON that is not an object (first in line 1)",
        ),
        (
            "json",
            two,
            400,
            "nothing was taken: 1 with text behind the object (several need a line each, and content-type \
             application/x-ndjson) (first in line 2, column 1)",
        ),
        (
            "json",
            &*nested,
            400,
            "nothing was taken: 1 with values nested deeper than 50 (first in the body)",
        ),
        (
            "json",
            &*recursive,
            400,
            "nothing was taken: 1 with JSON that is not an object (first in line 1)",
        ),
        (
            "json",
            &*deeper,
            400,
            "nothing was taken: 1 with values nested deeper than 50 (first in line 1, column 132)",
        ),
        (
            "json",
            &*repeated,
            400,
            "nothing was taken: 1 with attributes many times larger than what was sent (first in the body)",
        ),
        (
            "json",
            &*long,
            400,
            "nothing was taken: 1 with JSON longer than 16777216 bytes (first in line 1)",
        ),
    ] {
        let path = format!("/v1/logs/{path}?project=2700");
        let answer = send(post(&path, "application/json"), body).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer, (status, json!({"error": reason})), "{shown}");
    }
    assert_eq!(rows(2_700), "");
}

#[tokio::test]
async fn a_request_says_whose_logs_it_brings_or_is_refused() {
    let long = format!("/v1/logs/raw?project=2701&service={}", "s".repeat(1_025));
    for (path, reason) in [
        (
            "/v1/logs/raw",
            "nothing was taken: 1 with no project id (first in the body)",
        ),
        (
            "/v1/logs/json?project=x",
            "nothing was taken: 1 with the unusable project id `x` (first in the body)",
        ),
        (&long, "the service's name is longer than 1024 bytes"),
    ] {
        let answer = send(post(path, "application/json"), "{}").await;
        assert_eq!(answer, (400, json!({"error": reason})), "{path}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_packed_otherwise_is_refused() {
    let bomb = gzip(&vec![b' '; 65 * MEGABYTE]);
    for (encoding, body, status) in [
        ("zstd", vec![b' '], 415),
        ("gzip", b"not gzip".to_vec(), 400),
        ("gzip", bomb, 413),
        ("identity", vec![b' '; 65 * MEGABYTE], 413),
    ] {
        let request = post("/v1/logs/raw?project=2702", "text/plain");
        let answer = send(request.header("content-encoding", encoding), body).await;
        assert_eq!(answer.0, status, "{encoding}: {}", answer.1);
        assert!(answer.1["error"].is_string(), "{}", answer.1);
    }
    assert_eq!(rows(2_702), "");
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_acknowledged() {
    sql("CREATE DATABASE IF NOT EXISTS undrained");
    let clickhouse = Clickhouse::Embedded {
        data_dir: data_dir(),
        database: "undrained".to_owned(),
    };
    let server = MockServer::builder()
        .clickhouse(clickhouse)
        .start()
        .unwrap();
    server.sql("DROP TABLE logs").unwrap();
    for (path, field) in [
        ("raw", "error"),
        ("json", "error"),
        ("firehose", "errorMessage"),
    ] {
        let url = format!("{}/v1/logs/{path}?project=1", server.url());
        // One body that all of them can read; its record says `hello`.
        let body = r#"{"records":[{"data":"aGVsbG8="}]}"#;
        let response = reqwest::Client::new()
            .post(url)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["retry-after"], "1");
        let (status, answer) = told(response).await;
        let reason = answer[field].as_str().unwrap();
        assert_eq!(status, 503);
        assert!(
            reason.starts_with("the rows could not be stored: Code: 60."),
            "{reason}"
        );
    }
    let received = server.received();
    assert_eq!((received.logs.len(), received.requests.len()), (0, 3));
}

#[tokio::test]
async fn drains_answer_from_the_script_too() {
    let server = MockServer::start();
    server.script([Answer::status(503).retry_after_secs(7)]);
    let url = format!("{}/v1/logs/raw?project=1", server.url());
    let send = || reqwest::Client::new().post(&url).body("x").send();
    let busy = send().await.unwrap();
    assert_eq!(
        (
            busy.status().as_u16(),
            busy.headers()["retry-after"].as_bytes()
        ),
        (503, &b"7"[..])
    );
    assert_eq!(send().await.unwrap().status(), 200);
    assert_eq!(server.received().logs.len(), 1);
}
