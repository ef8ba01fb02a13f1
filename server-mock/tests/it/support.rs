//! Requests as an OTLP exporter would make them, and a plain client to send them with.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use reqwest::{Client, RequestBuilder, Response};

pub(crate) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is past 1970");
    u64::try_from(since.as_nanos()).expect("the clock is before 2554")
}

pub(crate) fn any(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    }
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    };
    pairs.iter().map(pair).collect()
}

fn resource() -> Resource {
    let pairs = [
        ("highlight.project_id", "1jdkoe52"),
        ("service.name", "shop"),
        ("service.version", "abc123"),
        ("deployment.environment", "test"),
    ];
    Resource {
        attributes: attributes(&pairs),
        ..Resource::default()
    }
}

pub(crate) fn log(body: &str, severity: &str, pairs: &[(&str, &str)]) -> LogRecord {
    LogRecord {
        time_unix_nano: now(),
        severity_text: severity.to_owned(),
        body: Some(any(body)),
        attributes: attributes(pairs),
        ..LogRecord::default()
    }
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs {
        log_records,
        ..ScopeLogs::default()
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource()),
            scope_logs,
            ..ResourceLogs::default()
        }],
    }
}

pub(crate) fn span(name: &str, pairs: &[(&str, &str)], events: Vec<Event>) -> Span {
    let start = now();
    Span {
        trace_id: vec![0xaa; 16],
        span_id: vec![0xbb; 8],
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_500,
        attributes: attributes(pairs),
        events,
        ..Span::default()
    }
}

pub(crate) fn event(name: &str, pairs: &[(&str, &str)]) -> Event {
    Event {
        time_unix_nano: now(),
        name: name.to_owned(),
        attributes: attributes(pairs),
        ..Event::default()
    }
}

pub(crate) fn spans(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

pub(crate) fn metric(name: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: "ms".to_owned(),
        description: "text".to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics {
        metrics,
        ..ScopeMetrics::default()
    }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

pub(crate) fn post(base: &str, path: &str) -> RequestBuilder {
    Client::new()
        .post(format!("{base}{path}"))
        .header("content-type", "application/x-protobuf")
}

pub(crate) async fn send(base: &str, path: &str, message: &impl Message) -> Response {
    post(base, path)
        .body(message.encode_to_vec())
        .send()
        .await
        .expect("the server answers")
}

pub(crate) async fn decode<M: Message + Default>(response: Response) -> M {
    M::decode(response.bytes().await.expect("the answer has a body"))
        .expect("the answer is protobuf")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}
