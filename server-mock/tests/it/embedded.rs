//! One server on the embedded ClickHouse, shared by all scenarios; each looks at a session of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use server_mock::{Clickhouse, MockServer};

use crate::support::{event, log, logs, send, span, spans};

pub(crate) static SERVER: LazyLock<MockServer> = LazyLock::new(|| {
    let _ = fs::remove_dir_all(data_dir());
    let clickhouse = Clickhouse::Embedded {
        data_dir: data_dir(),
        database: "it".to_owned(),
    };
    let server = MockServer::builder()
        .clickhouse(clickhouse)
        .sql("127.0.0.1:0")
        .start();
    server.unwrap_or_else(|error| panic!("{error}"))
});

pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded")
}

pub(crate) fn sql(query: &str) -> String {
    SERVER.sql(query).unwrap_or_else(|error| panic!("{error}"))
}

/// Another server, with a database of its own.
pub(crate) fn server(database: &str) -> MockServer {
    sql(&format!("CREATE DATABASE IF NOT EXISTS {database}"));
    let clickhouse = Clickhouse::Embedded {
        data_dir: data_dir(),
        database: database.to_owned(),
    };
    let server = MockServer::builder().clickhouse(clickhouse).start();
    server.unwrap_or_else(|error| panic!("{error}"))
}

fn sql_url(path: &str) -> String {
    format!("http://{}{path}", SERVER.sql_address().expect("SQL is on"))
}

#[tokio::test]
async fn a_row_is_there_when_its_request_is_acknowledged() {
    let mut record = log(
        "it's here",
        "error",
        &[
            ("highlight.session_id", "ack"),
            ("cart", "7"),
            ("exception.type", "E"),
        ],
    );
    record.time_unix_nano += 1;
    let time = record.time_unix_nano;
    assert_eq!(
        send(&SERVER.url(), "/v1/logs", &logs(vec![record]))
            .await
            .status(),
        200
    );
    let columns = "toUnixTimestamp64Nano(Timestamp), SeverityText, SeverityNumber, ServiceName, Body, LogAttributes, \
        ProjectId, Source, ServiceVersion, Environment";
    assert_eq!(
        sql(&format!(
            "SELECT {columns} FROM logs WHERE SecureSessionId = 'ack' FORMAT TSVRaw"
        )),
        format!("{time}\terror\t17\tshop\tit's here\t{{'cart':'7'}}\t1\tbackend\tabc123\ttest\n")
    );
    let joined = "SELECT Type, Message FROM errors INNER JOIN logs ON logs.UUID = errors.LogUUID \
        WHERE errors.SecureSessionId = 'ack' FORMAT TSVRaw";
    assert_eq!(sql(joined), "E\tit's here\n");
}

#[tokio::test]
async fn spans_keep_their_events_and_links_and_split_their_attributes() {
    let exception = event("exception", &[("exception.message", "no money")]);
    let mut row = span(
        "POST /pay",
        &[
            ("highlight.session_id", "spans"),
            ("http.route", "/pay"),
            ("db.system", "pg"),
            ("cart", "7"),
        ],
        vec![exception],
    );
    row.links = vec![opentelemetry_proto::tonic::trace::v1::span::Link {
        trace_id: vec![0xcc; 16],
        span_id: vec![0xdd; 8],
        ..Default::default()
    }];
    assert_eq!(
        send(&SERVER.url(), "/v1/traces", &spans(vec![row]))
            .await
            .status(),
        200
    );
    let columns = "SpanName, SpanKind, Duration, StatusCode, HasErrors, TraceAttributes, HttpAttributes, DbAttributes, \
        Events.Name, Events.Attributes, Links.SpanId";
    assert_eq!(
        sql(&format!(
            "SELECT {columns} FROM traces WHERE SecureSessionId = 'spans' FORMAT TSVRaw"
        )),
        "POST /pay\tServer\t1500\tUnset\ttrue\t{'cart':'7'}\t{'http.route':'/pay'}\t{'db.system':'pg'}\t\
         ['exception']\t[{'exception.message':'no money'}]\t['dddddddddddddddd']\n"
    );
    let session = "SELECT Logs, Spans, Errors, Services, FirstSeen <= LastSeen FROM sessions \
        WHERE SecureSessionId = 'spans'";
    assert_eq!(sql(session), "1\t1\t1\t['shop']\t1\n");
    let otel = "SELECT SpanAttributes['cart'], SpanAttributes['db.system'], ResourceAttributes['service.name'] \
        FROM otel_traces WHERE SpanName = 'POST /pay'";
    assert_eq!(sql(otel), "7\tpg\tshop\n");
    assert_eq!(sql("SELECT count() > 0 FROM otel_logs"), "1\n");
}

#[tokio::test]
async fn many_requests_at_once_are_all_stored() {
    const REQUESTS: usize = 200;
    let started = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..REQUESTS {
        let record = log(
            &number.to_string(),
            "info",
            &[("highlight.session_id", "many")],
        );
        senders.spawn(async move {
            send(&SERVER.url(), "/v1/logs", &logs(vec![record]))
                .await
                .status()
        });
    }
    assert!(senders.join_all().await.iter().all(|status| *status == 200));
    println!("{REQUESTS} requests of one record: {:?}", started.elapsed());
    assert_eq!(
        sql("SELECT uniqExact(Body) FROM logs WHERE SecureSessionId = 'many'"),
        format!("{REQUESTS}\n")
    );
    let parts = sql("SELECT uniqExact(_part) < 100 FROM logs WHERE SecureSessionId = 'many'");
    assert_eq!(parts, "1\n", "what waits together is inserted together");
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_acknowledged() {
    let database = "CREATE DATABASE IF NOT EXISTS broken";
    sql(database);
    let clickhouse = Clickhouse::Embedded {
        data_dir: data_dir(),
        database: "broken".to_owned(),
    };
    let server = MockServer::builder()
        .clickhouse(clickhouse)
        .start()
        .unwrap();
    server.sql("DROP TABLE logs").unwrap();
    let response = send(
        &server.url(),
        "/v1/logs",
        &logs(vec![log("lost", "info", &[])]),
    )
    .await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].as_bytes()
        ),
        (503, &b"1"[..])
    );
    let reason = response.text().await.unwrap();
    assert!(
        reason.starts_with("the rows could not be stored: Code: 60."),
        "{reason}"
    );
    let received = server.received();
    assert_eq!((received.logs.len(), received.requests[0].status), (0, 503));
}

#[tokio::test]
async fn sql_over_http_answers_queries_with_parameters_and_formats() {
    let client = reqwest::Client::new();
    let get = client.get(sql_url(
        "/?query=SELECT+%7Ba:UInt8%7D+AS+n&param_a=3&default_format=JSONEachRow",
    ));
    assert_eq!(
        get.send().await.unwrap().text().await.unwrap(),
        "{\"n\":3}\n"
    );
    let post = client
        .post(sql_url("/?database=system"))
        .body("SELECT currentDatabase()");
    assert_eq!(post.send().await.unwrap().text().await.unwrap(), "system\n");
    let ping = client.get(sql_url("/ping")).send().await.unwrap();
    assert_eq!(ping.text().await.unwrap(), "Ok.\n");
}

#[tokio::test]
async fn sql_over_http_tells_errors_as_clickhouse_does() {
    let client = reqwest::Client::new();
    for (query, status, code) in [
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT FROM WHERE", 400, "62"),
    ] {
        let response = client.post(sql_url("/")).body(query).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-clickhouse-exception-code"], code);
        let text = response.text().await.unwrap();
        assert!(
            text.starts_with(&format!("Code: {code}. DB::Exception: ")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_remote_writer_stores_through_sql_over_http() {
    let url = sql_url("").replace("http://", "http://me:secret@");
    let clickhouse = Clickhouse::Remote {
        url,
        database: "remote".to_owned(),
    };
    let server = MockServer::builder()
        .clickhouse(clickhouse)
        .start()
        .unwrap();
    let record = log("from afar", "info", &[("why?", "{a:b}")]);
    assert_eq!(
        send(&server.url(), "/v1/logs", &logs(vec![record]))
            .await
            .status(),
        200
    );
    assert_eq!(
        server
            .sql("SELECT Body, LogAttributes['why?'] FROM logs")
            .unwrap(),
        "from afar\t{a:b}\n"
    );
    assert_eq!(sql("SELECT count() FROM remote.logs"), "1\n");

    server.sql("SELECT 1").unwrap();
    sql("DROP TABLE remote.logs");
    let refused = send(
        &server.url(),
        "/v1/logs",
        &logs(vec![log("lost", "info", &[])]),
    )
    .await;
    assert_eq!(refused.status(), 503);
}

#[test]
fn a_second_data_directory_is_refused() {
    LazyLock::force(&SERVER);
    let data_dir = data_dir().with_file_name("second");
    let clickhouse = Clickhouse::Embedded {
        data_dir,
        database: "it".to_owned(),
    };
    let error = MockServer::builder()
        .clickhouse(clickhouse)
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("can have only one"), "{error}");
}
