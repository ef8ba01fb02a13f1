//! Text and JSON, alone, in lines and in pino's batches.

use serde_json::json;
use server_mock::{Clickhouse, MockServer};

use super::{post, rows, send};
use crate::embedded::{data_dir, sql};
use crate::support::{gzip, now};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const TRACE: &str = "f80fc1e87e7bce2bb992167f47f8ab00";

#[tokio::test]
async fn bodies_become_rows() {
    let cases: &[(&str, &str, &[u8], &str)] = &[
        ("raw", "text/plain", b"it's here\n", "info it's here\n of shop"),
        ("raw", JSON, br#"{"message":"x"}"#, r#"info {"message":"x"} of shop"#),
        ("raw", "text/plain", b"caf\xe9 open", "info caf\u{fffd} open of shop"),
        ("json", JSON, br#"{"message":"paid","level":"WARN","cart":7}"#, "warn paid of shop {'cart':'7'}"),
        (
            "json",
            JSON,
            br#" {"message":"m","a":{"b":{"c":1.5}},"l":[1,"x"],"t":true,"n":null,"e":"","big":18446744073709551615} "#,
            "info m of shop {'a.b.c':'1.5','big':'18446744073709552000','l.0':'1','l.1':'x'}",
        ),
        ("json", JSON, br#"{"message":"m","level":"warning"}"#, "warn m of shop"),
        ("json", JSON, br#"{"message":"m","level":"loud"}"#, "info m of shop"),
        ("json", JSON, br#"{"message":"m","severity":"ERROR"}"#, "error m of shop"),
        ("json", JSON, br#"{"message":"m","level":"debug","severity":"ERROR"}"#, "debug m of shop"),
        ("json", JSON, br#"{"message":"m","timestamp":"yesterday"}"#, "info m of shop {'timestamp':'yesterday'}"),
        ("json", JSON, br#"{"message":"m","service.name":"other"}"#, "info m of shop"),
        ("json", JSON, br#"{"cart":7}"#, "info  of shop {'cart':'7'}"),
        ("json", JSON, b"{\"message\":\"caf\xe9\"}", "info caf\u{fffd} of shop"),
        ("json", JSON, br#"{"message":"m","logs":[{"msg":"not a batch"}]}"#, "info m of shop {'logs.0.msg':'not a batch'}"),
        ("json", LINES, b"{\"message\":\"1\"}\r\n\n{\"message\":\"2\"}", "info 1 of shop\ninfo 2 of shop"),
        // As Vector sends the logs of Fly.io.
        (
            "json",
            LINES,
            br#"{"event":{"provider":"app"},"fly":{"app":{"name":"moon"},"region":"lax"},"log":{"level":"info"},"message":"up"}"#,
            "info up of shop {'event.provider':'app','fly.app.name':'moon','fly.region':'lax','log.level':'info'}",
        ),
        ("json", LINES, br#"{"level":50,"time":1691719960798,"pid":7,"msg":"pino alone"}"#, "error pino alone of shop {'pid':'7'}"),
        (
            "json",
            JSON,
            br#"{"logs":[{"level":10,"msg":"1"},{"level":60,"msg":"2","pages":91},{"level":35,"msg":"3"}]}"#,
            "trace 1 of shop\nfatal 2 of shop {'pages':'91'}\ninfo 3 of shop",
        ),
    ];
    for ((drain, content_type, body, expected), project) in cases.iter().zip(2_000..) {
        let path = format!("/v1/logs/{drain}?project={project}&service=shop");
        let (status, answer) = send(post(&path, content_type), *body).await;
        let stored = expected.lines().count().max(1);
        let body = String::from_utf8_lossy(body);
        if *drain == "json" {
            assert_eq!(answer, json!({"accepted": stored, "rejected": 0}), "{body}");
        }
        assert_eq!(status, 200, "{body}");
        assert_eq!(rows(project), format!("{expected}\n"), "{body}");
    }
}

#[tokio::test]
async fn session_and_trace_are_recognised_by_each_of_their_names() {
    let upper = TRACE.to_uppercase();
    let (session, trace) = (" in s1", format!(" at {TRACE}/"));
    let cases = [
        (json!({"highlight.session_id": "s1"}), session.to_owned()),
        (
            json!({"highlight": {"session_id": "s1"}}),
            session.to_owned(),
        ),
        (json!({"highlight_session_id": "s1"}), session.to_owned()),
        (json!({"secure_session_id": "s1"}), session.to_owned()),
        (
            json!({"secure_session_id": "s3", "highlight_session_id": "s2", "highlight.session_id": "s1"}),
            session.to_owned(),
        ),
        (
            json!({"secure_session_id": "s2", "highlight_session_id": "s1"}),
            session.to_owned(),
        ),
        (json!({"trace_id": TRACE}), trace.clone()),
        (json!({"traceId": TRACE}), trace.clone()),
        (json!({"traceID": upper}), trace.clone()),
        (
            json!({"trace_id": TRACE, "traceId": "7"}),
            format!("{trace} {{'traceId':'7'}}"),
        ),
        (
            json!({"trace_id": "7", "traceId": TRACE}),
            format!("{trace} {{'trace_id':'7'}}"),
        ),
        (
            json!({"trace_id": "0".repeat(32)}),
            format!(" {{'trace_id':'{}'}}", "0".repeat(32)),
        ),
        (
            json!({"trace_id": TRACE, "span_id": "9fdca739939f9145", "trace_flags": "01"}),
            format!("{trace}9fdca739939f9145 {{'trace_flags':'01'}}"),
        ),
    ];
    for ((mut body, expected), project) in cases.into_iter().zip(2_100..) {
        body["message"] = "m".into();
        let path = format!("/v1/logs/json?project={project}");
        let (status, _) = send(post(&path, JSON), body.to_string()).await;
        assert_eq!(
            (status, rows(project)),
            (200, format!("info m{expected}\n")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_time_that_was_sent_is_kept() {
    let near = now() / 1_000_000 * 1_000_000;
    let millis = near / 1_000_000;
    let iso = sql(&format!(
        "SELECT formatDateTime(fromUnixTimestamp64Nano(toInt64({near}), 'UTC'), '%FT%T.%fZ', 'UTC')"
    ));
    for (name, time, project) in [
        ("timestamp", json!(iso.trim()), 2_200),
        ("timestamp", json!(millis), 2_201),
        ("time", json!(millis), 2_202),
    ] {
        let body = json!({"message": "m", name: time}).to_string();
        send(
            post(&format!("/v1/logs/json?project={project}"), JSON),
            &*body,
        )
        .await;
        let stored = sql(&format!(
            "SELECT toUnixTimestamp64Nano(Timestamp) FROM logs WHERE ProjectId = {project}"
        ));
        assert_eq!(stored, format!("{near}\n"), "{body}");
    }
}

#[tokio::test]
async fn the_query_says_whose_logs_they_are_or_else_the_headers() {
    for (path, header, project, expected) in [
        (
            "/v1/logs/json?project=2301&service=query",
            "2300",
            2_301,
            "info m of query",
        ),
        (
            "/v1/logs/json?project=&service=",
            "2302",
            2_302,
            "info m of header",
        ),
        (
            "/v1/logs/json?service=a%20b%26c",
            "2303",
            2_303,
            "info m of a b&c",
        ),
        (
            "/v1/logs/raw",
            "2304",
            2_304,
            r#"info {"message":"m"} of header"#,
        ),
        (
            "/vercel/v1/logs?service=query",
            "2305",
            2_305,
            "info m of query",
        ),
    ] {
        let request = post(path, JSON)
            .header("x-highlight-project", header)
            .header("x-highlight-service", "header");
        assert_eq!(send(request, r#"{"message":"m"}"#).await.0, 200, "{path}");
        assert_eq!(rows(project), format!("{expected}\n"), "{path}");
    }
    let path = "/v1/logs/json?project=1jdkoe52";
    send(
        post(path, JSON),
        r#"{"message":"m","service.name":"verbose"}"#,
    )
    .await;
    let count = "SELECT count() FROM logs WHERE ProjectId = 1 AND ServiceName = 'verbose'";
    assert_eq!(sql(count), "1\n");
}

#[tokio::test]
async fn gzip_is_undone() {
    let body = gzip(b"{\"message\":\"1\"}\n{\"message\":\"2\"}\n");
    let request = post("/v1/logs/json?project=2400", LINES).header("content-encoding", "gzip");
    assert_eq!(
        send(request, body).await,
        (200, json!({"accepted": 2, "rejected": 0}))
    );
    assert_eq!(rows(2_400), "info 1\ninfo 2\n");
}

#[tokio::test]
async fn a_bad_line_costs_only_itself_and_is_told() {
    let body = b"{\"message\":\"1\"}\nnot json\n{\"message\":\"2\"}\n{\"message\": }\n[1]\n{\"message\":\"3\"}";
    let (status, answer) = send(post("/v1/logs/json?project=2500", LINES), &body[..]).await;
    let message = "1 with JSON that is not an object (first in line 5); \
        2 with text that is not JSON (first in line 2, column 2)";
    assert_eq!(
        (status, answer),
        (
            200,
            json!({"accepted": 3, "rejected": 3, "message": message})
        )
    );
    assert_eq!(rows(2_500), "info 1\ninfo 2\ninfo 3\n");
}

#[tokio::test]
async fn an_exception_is_also_an_error() {
    let body = r#"{"message":"no money","level":"error","exception":{"type":"E","message":"empty"},"cart":7}"#;
    send(post("/v1/logs/json?project=2600", JSON), body).await;
    assert_eq!(rows(2_600), "error no money {'cart':'7'}\n");
    let error = "SELECT Type, Message, Payload FROM errors WHERE ProjectId = 2600 FORMAT TSVRaw";
    assert_eq!(sql(error), "E\tempty\t{\"cart\":\"7\"}\n");
}

#[tokio::test]
async fn what_is_received_can_be_waited_for_and_a_repeated_batch_is_stored_once() {
    sql("CREATE DATABASE IF NOT EXISTS drained");
    let clickhouse = Clickhouse::Embedded {
        data_dir: data_dir(),
        database: "drained".to_owned(),
    };
    let server = MockServer::builder()
        .clickhouse(clickhouse)
        .start()
        .unwrap();
    for _ in 0..2 {
        let request = reqwest::Client::new()
            .post(format!("{}/v1/logs/raw?project=1", server.url()))
            .header("x-highlight-batch", "same");
        assert_eq!(request.body("once").send().await.unwrap().status(), 200);
    }
    let received = server
        .wait_for(|received| received.requests.len() == 2)
        .await;
    assert_eq!(received.logs[0].body, "once");
    let request = &received.requests[0];
    assert_eq!(
        (request.path.as_str(), request.status),
        ("/v1/logs/raw", 200)
    );
    assert_eq!((request.records, request.decoded_bytes), (1, 4));
    assert_eq!(server.sql("SELECT count() FROM logs").unwrap(), "1\n");
}
