//! What Amazon Data Firehose delivers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{post, rows, send};
use crate::embedded::sql;
use crate::support::{gzip, now};

fn delivery(id: &str, records: &[&[u8]]) -> String {
    let records: Vec<_> = records
        .iter()
        .map(|record| json!({"data": STANDARD.encode(record)}))
        .collect();
    json!({"requestId": id, "timestamp": now() / 1_000_000, "records": records}).to_string()
}

/// A request as Firehose makes it.
fn request(id: &str, project: u32) -> RequestBuilder {
    let attributes = json!({"commonAttributes": {"x-highlight-project": project.to_string()}});
    post("/v1/logs/firehose", "application/json")
        .header("x-amz-firehose-protocol-version", "1.0")
        .header("x-amz-firehose-request-id", id)
        .header("x-amz-firehose-access-key", "secret")
        .header("x-amz-firehose-common-attributes", attributes.to_string())
}

fn cloudwatch(kind: &str, messages: &[&str]) -> String {
    let events: Vec<_> = messages
        .iter()
        .map(|message| json!({"id": "3195", "timestamp": now() / 1_000_000, "message": message}))
        .collect();
    json!({
        "messageType": kind,
        "owner": "111",
        "logGroup": "/aws/lambda/pay",
        "logStream": "2026/[$LATEST]",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    })
    .to_string()
}

#[tokio::test]
async fn records_become_rows() {
    let of_lambda = " of firehose.cloudwatch {'log_group':'/aws/lambda/pay','log_stream':'2026/[$LATEST]',\
        'message_type':'DATA_MESSAGE','owner':'111'}";
    let data = cloudwatch("DATA_MESSAGE", &["START", "END"]);
    let control = cloudwatch(
        "CONTROL_MESSAGE",
        &["CWL CONTROL MESSAGE: Checking health of destination Firehose."],
    );
    let of_data = format!("info START{of_lambda}\ninfo END{of_lambda}\n");
    let cases: Vec<(Vec<u8>, String)> = vec![
        (gzip(data.as_bytes()), of_data.clone()),
        (data.clone().into_bytes(), of_data.clone()),
        ([gzip(data.as_bytes()), gzip(data.as_bytes())].concat(), of_data.repeat(2)),
        (format!("{data}{data}").into_bytes(), of_data.repeat(2)),
        (gzip(control.as_bytes()), String::new()),
        // FireLens: a line of a container, by default.
        (
            br#"{"source":"stderr","log":"no money","container_name":"pay","ecs_cluster":"c",
                "highlight.trace_id":"f80fc1e87e7bce2bb992167f47f8ab00"}"#.to_vec(),
            "error no money of pay at f80fc1e87e7bce2bb992167f47f8ab00/ \
             {'container_name':'pay','ecs_cluster':'c','source':'stderr'}\n".to_owned(),
        ),
        // FireLens with a parser of JSON.
        (
            br#"{"@timestamp":"2024-10-07T22:18:32+0000","level":"ERROR","message":"no money","source":"stdout",
                "container_name":"pay"}"#.to_vec(),
            "error no money of pay {'container_name':'pay','source':'stdout'}\n".to_owned(),
        ),
        // FireLens with pino in the container.
        (
            br#"{"level":50,"time":1728347034087,"name":"api","msg":"no money","dd":{"service":"main"},
                "trace_id":"f80fc1e87e7bce2bb992167f47f8ab00","container_name":"pay"}"#.to_vec(),
            "error no money of api at f80fc1e87e7bce2bb992167f47f8ab00/ \
             {'container_name':'pay','dd.service':'main','name':'api'}\n".to_owned(),
        ),
        (
            b"{\"log\":\"1\"}\n{\"log\":\"2\"}\n".to_vec(),
            "info 1\ninfo 2\n".to_owned(),
        ),
        (br#"{"cart":7}"#.to_vec(), "info {\"cart\":7} of firehose.json\n".to_owned()),
        (b"just text\n".to_vec(), "info just text of firehose.json\n".to_owned()),
        (b"caf\xe9".to_vec(), "info caf\u{fffd} of firehose.json\n".to_owned()),
        (
            b"{\"log\":\"1\"} and text".to_vec(),
            "info 1\ninfo and text of firehose.json\n".to_owned(),
        ),
    ];
    for ((record, expected), project) in cases.into_iter().zip(3_000..) {
        let id = format!("id-{project}");
        let (status, answer) = send(request(&id, project), delivery(&id, &[&record])).await;
        let shown = String::from_utf8_lossy(&record);
        assert_eq!((status, &answer["requestId"]), (200, &json!(id)), "{shown}");
        assert_eq!(rows(project), expected, "{shown}");
    }
}

#[tokio::test]
async fn the_answer_has_the_form_that_firehose_asks_for() {
    let near = |answer: &Value| {
        let timestamp = answer["timestamp"].as_u64().expect("a number");
        timestamp.abs_diff(now() / 1_000_000) < 60_000
    };
    let fields = |answer: &Value| answer.as_object().expect("an object").len();
    let (status, answer) = send(request("id-1", 3_100), delivery("id-1", &[b"x"])).await;
    assert_eq!((status, &answer["requestId"]), (200, &json!("id-1")));
    assert!(near(&answer) && fields(&answer) == 2, "{answer}");

    let (status, answer) = send(request("id-2", 3_100), "not a delivery").await;
    assert_eq!((status, &answer["requestId"]), (400, &json!("id-2")));
    let reason = answer["errorMessage"].as_str().expect("a text");
    assert!(
        reason.starts_with("the body is not a delivery of Firehose: "),
        "{reason}"
    );
    assert!(near(&answer) && fields(&answer) == 3, "{answer}");
}

#[tokio::test]
async fn a_delivery_that_is_retried_is_stored_once() {
    let body = delivery("again", &[b"1", b"2"]);
    for _ in 0..2 {
        assert_eq!(send(request("again", 3_200), &*body).await.0, 200);
    }
    assert_eq!(rows(3_200).lines().count(), 2);
}

#[tokio::test]
async fn a_bad_record_costs_only_itself_and_is_told() {
    let mut broken = gzip(b"lost");
    broken.truncate(broken.len() - 9);
    let body = delivery("some", &[b"good", &broken])
        .replace("\"records\":[", "\"records\":[{\"data\":\"not base64!\"},");
    let (status, answer) = send(request("some", 3_300), body).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["errorMessage"],
        "1 with data that is not base64 (first in record 1); 1 with gzip that is broken (first in record 3)"
    );
    assert_eq!(rows(3_300), "info good of firehose.json\n");
}

#[tokio::test]
async fn records_that_unpack_to_too_much_are_refused() {
    let half = gzip(&vec![b' '; 40 * 1024 * 1024]);
    let (status, answer) = send(request("bomb", 3_400), delivery("bomb", &[&half, &half])).await;
    assert_eq!(status, 413);
    assert_eq!(
        answer["errorMessage"],
        "the body is larger than 67108864 bytes"
    );
    assert_eq!(rows(3_400), "");
}

#[tokio::test]
async fn records_without_a_time_have_that_of_their_delivery() {
    let sent = now() / 1_000_000 - 5_000;
    let body = json!({"timestamp": sent, "records": [{"data": STANDARD.encode("x")}]}).to_string();
    let (status, answer) = send(request("header", 3_500), body).await;
    assert_eq!((status, &answer["requestId"]), (200, &json!("header")));
    let stored = sql("SELECT toUnixTimestamp64Milli(Timestamp) FROM logs WHERE ProjectId = 3500");
    assert_eq!(stored, format!("{sent}\n"));
}

#[tokio::test]
async fn the_stream_s_parameters_or_the_url_say_whose_logs_they_are() {
    let body = delivery("whose", &[b"x"]);
    let by_url = post(
        "/v1/logs/firehose?project=3600&service=shop",
        "application/json",
    );
    assert_eq!(send(by_url, &*body).await.0, 200);
    assert_eq!(rows(3_600), "info x of shop\n");
    let parameters =
        r#"{"commonAttributes":{"x-highlight-project":"3601","x-highlight-service":"pay"}}"#;
    let both = post(
        "/v1/logs/firehose?project=3600&service=shop",
        "application/json",
    )
    .header("x-amz-firehose-common-attributes", parameters);
    assert_eq!(send(both, &*body).await.0, 200);
    assert_eq!(rows(3_601), "info x of pay\n");
    let bad = post("/v1/logs/firehose", "application/json")
        .header("x-amz-firehose-common-attributes", "{");
    let (status, answer) = send(bad, body).await;
    assert_eq!(status, 400);
    let reason = answer["errorMessage"].as_str().expect("a text");
    assert!(
        reason.starts_with("header x-amz-firehose-common-attributes is not JSON: "),
        "{reason}"
    );
}
