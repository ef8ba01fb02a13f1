//! What a request becomes has a bound, over real sockets: attributes that would grow with the square of the body.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Gauge, NumberDataPoint};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use prost::Message;
use server_mock::{Attributes, MockServer};

use crate::support::{attributes, decode, event, log, logs, metric, metrics, send, span, spans};

const NESTED: &str = "attributes many times larger than what was sent";
const INHERITED: &str = "inherited attributes hundreds of times larger than what was sent";

/// A list of numbers under a key of so many bytes.
fn list(key: usize, items: usize) -> KeyValue {
    let item = AnyValue {
        value: Some(Value::IntValue(7)),
    };
    let list = ArrayValue {
        values: vec![item; items],
    };
    KeyValue {
        key: "k".repeat(key),
        value: Some(AnyValue {
            value: Some(Value::ArrayValue(list)),
        }),
        ..KeyValue::default()
    }
}

/// 400 MB when it is flattened.
fn large() -> KeyValue {
    list(20_000, 20_000)
}

/// What a server says to a request: how many records it rejects, and why.
async fn told<M: Message + Default>(
    server: &MockServer,
    path: &str,
    request: &impl Message,
    read: impl Fn(M) -> Option<(i64, String)>,
) -> (i64, String) {
    let response = send(&server.url(), path, request).await;
    assert_eq!(response.status(), 200);
    read(decode(response).await).unwrap_or_default()
}

async fn send_logs(server: &MockServer, request: &impl Message) -> (i64, String) {
    let read = |answer: ExportLogsServiceResponse| {
        let partial = answer.partial_success?;
        Some((partial.rejected_log_records, partial.error_message))
    };
    told(server, "/v1/logs", request, read).await
}

async fn send_spans(server: &MockServer, request: &impl Message) -> (i64, String) {
    let read = |answer: ExportTraceServiceResponse| {
        let partial = answer.partial_success?;
        Some((partial.rejected_spans, partial.error_message))
    };
    told(server, "/v1/traces", request, read).await
}

async fn send_metrics(server: &MockServer, request: &impl Message) -> (i64, String) {
    let read = |answer: ExportMetricsServiceResponse| {
        let partial = answer.partial_success?;
        Some((partial.rejected_data_points, partial.error_message))
    };
    told(server, "/v1/metrics", request, read).await
}

fn bytes<'a>(all: impl IntoIterator<Item = &'a Attributes>) -> usize {
    let pairs = all.into_iter().flatten();
    pairs.map(|(key, value)| key.len() + value.len()).sum()
}

fn with(mut record: LogRecord, attribute: KeyValue) -> LogRecord {
    record.attributes.push(attribute);
    record
}

#[tokio::test]
async fn a_list_under_a_long_key_costs_its_log_and_no_other() {
    let server = MockServer::start();
    let request = logs(vec![
        log("before", "info", &[]),
        with(log("large", "info", &[]), large()),
        with(log("usual", "info", &[]), list(20, 1_000)),
    ]);
    let answer = send_logs(&server, &request).await;
    assert_eq!(answer, (1, format!("1 with {NESTED}")));
    let received = server.received();
    let bodies: Vec<_> = received.logs.iter().map(|log| &*log.body).collect();
    assert_eq!(bodies, ["before", "usual"]);
    assert_eq!(received.logs[1].attributes.len(), 1_000);
    assert_eq!(
        received.logs[1].attributes[&format!("{}.999", "k".repeat(20))],
        "7"
    );
}

#[tokio::test]
async fn a_list_under_a_long_key_is_found_wherever_a_span_has_it() {
    let server = MockServer::start();
    let plain = || span("plain", &[], vec![]);
    let of_event = |name: &str| {
        let attributes = vec![large()];
        let event = Event {
            attributes,
            ..event(name, &[])
        };
        span("event", &[], vec![event])
    };
    let link = Link {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        attributes: vec![large()],
        ..Link::default()
    };
    for large in [
        Span {
            attributes: vec![large()],
            ..plain()
        },
        Span {
            links: vec![link],
            ..plain()
        },
        of_event("other"),
        of_event("log"),
        of_event("metric"),
        of_event("exception"),
    ] {
        let request = spans(vec![plain(), large]);
        let answer = send_spans(&server, &request).await;
        assert_eq!(answer, (1, format!("1 with {NESTED}")));
    }
    let received = server.received();
    assert!(received.spans.iter().all(|span| span.name == "plain"));
    assert_eq!(received.spans.len(), 6);
    assert!(received.logs.is_empty() && received.metrics.is_empty());
}

#[tokio::test]
async fn a_list_under_a_long_key_is_found_wherever_a_metric_has_it() {
    let server = MockServer::start();
    let point = || NumberDataPoint {
        time_unix_nano: crate::support::now(),
        value: Some(1.0.into()),
        ..NumberDataPoint::default()
    };
    let gauge = |name: &str, point| {
        let data_points = vec![point];
        metric(name, Data::Gauge(Gauge { data_points }))
    };
    let exemplar = Exemplar {
        filtered_attributes: vec![large()],
        ..Exemplar::default()
    };
    let mut described = gauge("metadata", point());
    described.metadata.push(large());
    let request = metrics(vec![
        gauge("plain", point()),
        gauge(
            "own",
            NumberDataPoint {
                attributes: vec![large()],
                ..point()
            },
        ),
        gauge(
            "exemplar",
            NumberDataPoint {
                exemplars: vec![exemplar],
                ..point()
            },
        ),
        described,
    ]);
    let answer = send_metrics(&server, &request).await;
    assert_eq!(answer, (3, format!("3 with {NESTED}")));
    let metrics = server.received().metrics;
    let names: Vec<_> = metrics.iter().map(|metric| &*metric.name).collect();
    assert_eq!(names, ["plain"]);
}

#[tokio::test]
async fn a_resource_that_cannot_be_flattened_costs_its_own_records() {
    let server = MockServer::start();
    let mut request = logs(vec![log("one", "info", &[]), log("two", "info", &[])]);
    let other = logs(vec![log("other", "info", &[])]);
    request.resource_logs.extend(other.resource_logs);
    let resource = request.resource_logs[0].resource.as_mut().unwrap();
    resource.attributes.push(large());
    let answer = send_logs(&server, &request).await;
    assert_eq!(answer, (2, format!("2 with {NESTED}")));
    let received = server.received();
    let bodies: Vec<_> = received.logs.iter().map(|log| &*log.body).collect();
    assert_eq!(bodies, ["other"]);
    assert_eq!(received.requests[0].resource, Attributes::new());
}

#[tokio::test]
async fn a_large_resource_is_inherited_by_usual_records_and_not_by_empty_ones() {
    let server = MockServer::start();
    let command = list("process.command_args".len(), 300);
    let log = log("a message as long as many", "info", &[("cart", "7")]);
    let mut request = logs(vec![log; 512]);
    let resource = request.resource_logs[0].resource.as_mut().unwrap();
    resource.attributes.push(command);
    assert_eq!(send_logs(&server, &request).await, (0, String::new()));
    assert_eq!(server.received().logs.len(), 512);
    assert!(bytes(server.received().logs.iter().map(|log| &log.attributes)) > 512 * 300 * 20);

    let server = MockServer::start();
    let mut request = logs(vec![LogRecord::default(); 25_000]);
    let resource = request.resource_logs[0].resource.as_mut().unwrap();
    resource
        .attributes
        .extend(attributes(&[("large", &"v".repeat(50_000))]));
    let sent = request.encoded_len();
    let (rejected, reason) = send_logs(&server, &request).await;
    assert_eq!(reason, format!("{rejected} with {INHERITED}"));
    let logs = server.received().logs;
    assert_eq!(logs.len() + usize::try_from(rejected).unwrap(), 25_000);
    let bytes = bytes(logs.iter().map(|log| &log.attributes));
    assert!(
        bytes > 200 * sent && bytes <= 256 * sent + 4_096,
        "{bytes} of {sent}"
    );
}

#[tokio::test]
async fn what_many_events_and_points_repeat_has_a_bound_too() {
    let server = MockServer::start();
    let long = "v".repeat(20_000);
    let said = Event {
        name: "log".to_owned(),
        ..Event::default()
    };
    let request = spans(vec![
        span("plain", &[], vec![]),
        span("large", &[("large", &long)], vec![said; 5_000]),
    ]);
    let answer = send_spans(&server, &request).await;
    assert_eq!(answer, (1, format!("1 with {INHERITED}")));
    let received = server.received();
    assert_eq!((received.spans.len(), received.logs.len()), (1, 0));

    let mut described = metric(
        "large",
        Data::Gauge(Gauge {
            data_points: vec![
                NumberDataPoint {
                    value: Some(1.0.into()),
                    ..NumberDataPoint::default()
                };
                5_000
            ],
        }),
    );
    described.description = long;
    let request = metrics(vec![described]);
    let sent = request.encoded_len();
    let (rejected, reason) = send_metrics(&server, &request).await;
    assert_eq!(reason, format!("{rejected} with {INHERITED}"));
    let metrics = server.received().metrics;
    assert_eq!(metrics.len() + usize::try_from(rejected).unwrap(), 5_000);
    let bytes: usize = metrics.iter().map(|metric| metric.description.len()).sum();
    assert!(bytes <= 256 * sent + 4_096, "{bytes} of {sent}");
}
