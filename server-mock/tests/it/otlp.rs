//! OTLP over real sockets into the memory of the server.

use std::time::{Duration, Instant};

use crate::support::{decode, event, gzip, log, logs, post, send, span, spans};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use server_mock::{Answer, Attributes, MockServer, SpanEvent};

const STACK: &str = "\nno money\nshop::pay\n\t/app/src/pay.rs:12\nCaused by: empty";

#[tokio::test]
async fn a_log_record_becomes_a_row() {
    let server = MockServer::start();
    let mut record = log(
        "paid",
        "WARN",
        &[("highlight.session_id", "s1"), ("cart", "7")],
    );
    record.trace_id = vec![0xaa; 16];
    record.span_id = vec![0xbb; 8];
    let time = record.time_unix_nano;
    let response = send(&server.url(), "/v1/logs", &logs(vec![record])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        decode::<ExportLogsServiceResponse>(response)
            .await
            .partial_success,
        None
    );

    let received = server.wait_for(|received| received.logs.len() == 1).await;
    let row = &received.logs[0];
    assert_eq!(row.timestamp_ns, time.cast_signed());
    assert_eq!(
        (row.severity_text.as_str(), row.severity_number),
        ("warn", 13)
    );
    assert_eq!((row.body.as_str(), row.project_id), ("paid", 1));
    assert_eq!(
        (row.trace_id.as_str(), row.span_id.as_str()),
        (&*"aa".repeat(16), &*"bb".repeat(8))
    );
    assert_eq!(
        (row.secure_session_id.as_str(), row.source.as_str()),
        ("s1", "backend")
    );
    assert_eq!(
        (row.service_name.as_str(), row.service_version.as_str()),
        ("shop", "abc123")
    );
    assert_eq!(row.environment, "test");
    assert_eq!(
        row.attributes,
        Attributes::from([("cart".to_owned(), "7".to_owned())])
    );
    assert_eq!(
        received.requests[0].resource["highlight.project_id"],
        "1jdkoe52"
    );
    assert_eq!(
        received.raw_logs[0].resource_logs[0].scope_logs[0]
            .log_records
            .len(),
        1
    );
}

#[tokio::test]
async fn a_log_record_with_an_exception_is_also_an_error() {
    let server = MockServer::start();
    let pairs = [
        ("exception.type", "E"),
        ("exception.stacktrace", STACK),
        ("exception.chain.0", "empty"),
        ("cart", "7"),
    ];
    send(
        &server.url(),
        "/v1/logs",
        &logs(vec![log("payment failed", "error", &pairs)]),
    )
    .await;
    let received = server.wait_for(|received| received.errors.len() == 1).await;
    let error = &received.errors[0];
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("E", "payment failed")
    );
    assert_eq!(error.stacktrace, STACK);
    assert_eq!(
        error.frames,
        r#"[{"fileName":"/app/src/pay.rs","functionName":"shop::pay","lineNumber":12}]"#
    );
    assert_eq!(error.payload, r#"{"cart":"7","exception.chain.0":"empty"}"#);
    assert_eq!(error.log_uuid, received.logs[0].uuid);
}

#[tokio::test]
async fn a_span_becomes_a_row_and_its_exception_an_error_and_a_log() {
    let server = MockServer::start();
    let exception = event(
        "exception",
        &[("exception.type", "E"), ("exception.message", "no money")],
    );
    let said = event(
        "log",
        &[("log.severity", "debug"), ("log.message", "trying")],
    );
    let quiet = event("exception", &[("exception.type", "E")]);
    let request = spans(vec![
        span(
            "POST /pay",
            &[("http.route", "/pay"), ("highlight.session_id", "s1")],
            vec![exception, said, quiet],
        ),
        span(
            "highlight.log",
            &[],
            vec![event("log", &[("log.message", "carried")])],
        ),
    ]);
    let response = send(&server.url(), "/otel/v1/traces", &request).await;
    assert_eq!(response.status(), 200);

    let received = server.wait_for(|received| !received.spans.is_empty()).await;
    assert_eq!(
        received.spans.len(),
        1,
        "a span named highlight.log is not stored"
    );
    let row = &received.spans[0];
    assert_eq!(
        (
            row.name.as_str(),
            row.kind.as_str(),
            row.status_code.as_str()
        ),
        ("POST /pay", "Server", "Unset")
    );
    assert_eq!((row.duration_ns, row.has_errors), (1_500, true));
    let names: Vec<_> = row
        .events
        .iter()
        .map(|SpanEvent { name, .. }| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["exception", "exception"],
        "a log event does not stay with its span"
    );
    let told: Vec<_> = received
        .logs
        .iter()
        .map(|log| (log.severity_text.as_str(), log.body.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("error", "no money"),
            ("debug", "trying"),
            ("info", "carried")
        ]
    );
    assert_eq!(received.errors.len(), 1);
    let error = &received.errors[0];
    assert_eq!(
        (error.message.as_str(), error.secure_session_id.as_str()),
        ("no money", "s1")
    );
    assert_eq!(
        (&error.trace_id, &error.span_id),
        (&row.trace_id, &row.span_id)
    );
}

#[tokio::test]
async fn bad_records_are_told_in_partial_success_and_good_ones_stored() {
    let server = MockServer::start();
    let mut short = log("short", "info", &[]);
    short.trace_id = vec![1; 3];
    let request = logs(vec![
        log("good", "info", &[]),
        short,
        log("homeless", "info", &[("highlight.project_id", "nope")]),
    ]);
    let response = send(&server.url(), "/v1/logs", &request).await;
    assert_eq!(response.status(), 200);
    let partial = decode::<ExportLogsServiceResponse>(response)
        .await
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_log_records, 2);
    assert_eq!(
        partial.error_message,
        "1 with a trace id of 3 bytes instead of 16; 1 with the unusable project id `nope`"
    );
    let bodies: Vec<_> = server
        .received()
        .logs
        .into_iter()
        .map(|log| log.body)
        .collect();
    assert_eq!(bodies, ["good"]);
}

#[tokio::test]
async fn the_project_header_wins() {
    let server = MockServer::start();
    let body = logs(vec![log("x", "info", &[])]).encode_to_vec();
    let response = post(&server.url(), "/v1/logs")
        .header("x-highlight-project", "123")
        .body(body)
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(server.received().logs[0].project_id, 123);
}

#[tokio::test]
async fn gzip_is_undone_and_both_sizes_are_known() {
    let server = MockServer::start();
    let plain = logs(vec![log(&"long ".repeat(1_000), "info", &[])]).encode_to_vec();
    let wire = gzip(&plain);
    let response = post(&server.url(), "/v1/logs")
        .header("content-encoding", "gzip")
        .body(wire.clone())
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 200);
    let request = &server.received().requests[0];
    assert_eq!(
        (request.wire_bytes, request.decoded_bytes),
        (wire.len(), plain.len())
    );
    assert_eq!(request.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let server = MockServer::start();
    let bomb = gzip(&vec![0; 65 * 1024 * 1024]);
    for (header, body, status) in [
        (("content-encoding", "zstd"), vec![], 415),
        (("content-encoding", "gzip"), b"not gzip".to_vec(), 400),
        (
            ("content-encoding", "identity"),
            b"not protobuf".to_vec(),
            400,
        ),
        (("content-encoding", "gzip"), bomb, 413),
        (
            ("content-encoding", "identity"),
            vec![0; 65 * 1024 * 1024],
            413,
        ),
    ] {
        let response = post(&server.url(), "/v1/logs")
            .header(header.0, header.1)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{header:?}");
    }
    let json = reqwest::Client::new()
        .post(format!("{}/v1/logs", server.url()))
        .header("content-type", "application/json");
    assert_eq!(json.body("{}").send().await.unwrap().status(), 415);
    assert_eq!(server.received().requests.len(), 6);
}

#[tokio::test]
async fn a_script_is_used_up_in_order_and_only_stored_requests_have_rows() {
    let server = MockServer::start();
    server.script([
        Answer::status(503).retry_after_secs(7),
        Answer::Partial {
            rejected: 3,
            message: "because".to_owned(),
        },
        Answer::Status(401),
    ]);
    let url = server.url();
    let busy = send(&url, "/v1/traces", &spans(vec![span("a", &[], vec![])])).await;
    assert_eq!(
        (
            busy.status().as_u16(),
            busy.headers()["retry-after"].as_bytes()
        ),
        (503, &b"7"[..])
    );
    let partial = send(&url, "/v1/traces", &spans(vec![span("b", &[], vec![])])).await;
    let partial = decode::<ExportTraceServiceResponse>(partial)
        .await
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (3, "because")
    );
    assert_eq!(
        send(&url, "/v1/traces", &spans(vec![span("c", &[], vec![])]))
            .await
            .status(),
        401
    );
    assert_eq!(
        send(&url, "/v1/traces", &spans(vec![span("d", &[], vec![])]))
            .await
            .status(),
        200
    );

    let received = server.received();
    let names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(names, ["b", "d"]);
    let statuses: Vec<_> = received
        .requests
        .iter()
        .map(|request| (request.status, request.records))
        .collect();
    assert_eq!(statuses, [(503, 1), (200, 1), (401, 1), (200, 1)]);
}

#[tokio::test]
async fn a_hanging_and_a_reset_request_get_no_answer() {
    let server = MockServer::start();
    server.script([Answer::Reset, Answer::Hang]);
    let body = logs(vec![log("x", "info", &[])]).encode_to_vec();
    let reset = post(&server.url(), "/v1/logs")
        .body(body.clone())
        .send()
        .await
        .unwrap_err();
    assert!(!reset.is_timeout(), "{reset:?}");
    let hang = post(&server.url(), "/v1/logs")
        .body(body)
        .timeout(Duration::from_millis(200))
        .send()
        .await
        .unwrap_err();
    assert!(hang.is_timeout(), "{hang:?}");
    let statuses: Vec<_> = server
        .received()
        .requests
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [0, 0]);
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_server_from_stopping() {
    let server = MockServer::start();
    server.script([Answer::Hang]);
    let pending = tokio::spawn(post(&server.url(), "/v1/logs").send());
    server
        .wait_for(|received| received.requests.len() == 1)
        .await;
    let started = Instant::now();
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(pending.await.unwrap().is_err());
}

#[tokio::test]
async fn a_delayed_request_is_served() {
    let server = MockServer::start();
    server.script([Answer::Delay(Duration::from_millis(50))]);
    let started = Instant::now();
    assert_eq!(
        send(
            &server.url(),
            "/v1/logs",
            &logs(vec![log("x", "info", &[])])
        )
        .await
        .status(),
        200
    );
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(server.received().logs.len(), 1);
}

#[tokio::test]
async fn metrics_are_taken_and_health_is_told() {
    let server = MockServer::start();
    assert_eq!(
        send(
            &server.url(),
            "/v1/metrics",
            &ExportMetricsServiceRequest::default()
        )
        .await
        .status(),
        200
    );
    assert_eq!(
        reqwest::get(format!("{}/health", server.url()))
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(server.received().raw_metrics.len(), 1);
}

#[test]
fn waiting_needs_no_runtime() {
    let server = MockServer::start();
    let url = server.url();
    let sender = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            send(&url, "/v1/logs", &logs(vec![log("late", "info", &[])]))
                .await
                .status()
        })
    });
    let received = server.wait_for_blocking(|received| !received.logs.is_empty());
    assert_eq!(received.logs[0].body, "late");
    assert_eq!(sender.join().unwrap(), 200);
}

#[test]
fn the_rendering_is_short() {
    let server = MockServer::start();
    assert_eq!(
        server.received().to_string(),
        "0 requests\n0 logs\n0 spans\n0 errors\n0 metrics\n"
    );
}

#[test]
fn sql_without_clickhouse_says_so() {
    let error = MockServer::start().sql("SELECT 1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server runs without ClickHouse: give it one with `MockServer::builder().clickhouse(…)`"
    );
}
