//! What is on the wire: the requests themselves, read with the reference types.

use std::time::{Duration, UNIX_EPOCH};

use highlight::Severity;
use highlight::otel::opentelemetry::logs::{
    AnyValue, LogRecord as _, Logger as _, LoggerProvider as _,
};
use highlight::otel::opentelemetry::trace::{
    Event, Link, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use highlight::otel::opentelemetry::{Array, Context, KeyValue, Value};
use highlight_tests::support::Pipeline;
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1 as trace;

#[test]
fn requests_are_gzipped_protobuf_that_name_the_project_twice() {
    let pipeline = Pipeline::with(|config| config.header("api-key", "s3cret"));
    for at in 0..100 {
        pipeline.highlight.log(Severity::Info, |record| {
            record.body(&format_args!("a rather repetitive record, number {at}"));
        });
    }
    let received = pipeline.received();
    let [request] = &received.requests[..] else {
        panic!("one request expected\n{received}")
    };
    assert_eq!(request.path, "/v1/logs");
    for (header, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
        ("x-highlight-project", "1jdkoe52"),
        ("api-key", "s3cret"),
        (
            "user-agent",
            concat!("highlight-rust/", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        assert_eq!(
            request.headers.get(header).map(String::as_str),
            Some(value),
            "{header}"
        );
    }
    assert!(request.wire_bytes * 4 < request.decoded_bytes);
    for (key, value) in [
        ("highlight.project_id", "1jdkoe52"),
        ("service.name", "shop"),
        ("service.version", "1.2.3"),
        ("deployment.environment", "test"),
        ("deployment.environment.name", "test"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.distro.name", "highlight-rust"),
    ] {
        assert_eq!(
            request.resource.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
    for key in [
        "host.name",
        "host.arch",
        "os.type",
        "process.pid",
        "process.executable.name",
    ] {
        assert!(request.resource.contains_key(key), "{key}");
    }
}

#[test]
fn a_scope_keeps_its_name_and_version() {
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("by-hand");
    drop(tracer.start("one"));
    pipeline.highlight.log(Severity::Info, |record| {
        record.body("two");
    });
    let received = pipeline.received();
    let scope = received.raw_traces[0].resource_spans[0].scope_spans[0]
        .scope
        .as_ref();
    assert_eq!(scope.unwrap().name, "by-hand");
    let scope = received.raw_logs[0].resource_logs[0].scope_logs[0]
        .scope
        .as_ref();
    assert_eq!(scope.unwrap().name, "highlight");
    assert_eq!(scope.unwrap().version, env!("CARGO_PKG_VERSION"));
}

/// Every part of a span against the reference conversion's types, value by value.
#[test]
fn a_span_is_what_the_reference_types_say() {
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("by-hand");
    let state = TraceState::from_key_value([("vendor", "x")]).unwrap();
    let caller = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        true,
        state,
    );
    let start = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
    let event = Event::new("tick", start, vec![KeyValue::new("n", 1)], 0);
    let link = Link::new(caller.clone(), vec![KeyValue::new("why", "queue")], 0);
    let span = tracer.build_with_context(
        SpanBuilder::from_name("whole")
            .with_kind(SpanKind::Consumer)
            .with_start_time(start)
            .with_attributes([
                KeyValue::new("text", "ünïcödé"),
                KeyValue::new("int", i64::MIN),
                KeyValue::new("double", f64::MIN_POSITIVE),
                KeyValue::new("bool", true),
                KeyValue::new(
                    "texts",
                    Value::Array(Array::String(vec!["a".into(), "b".into()])),
                ),
                KeyValue::new("bools", Value::Array(Array::Bool(vec![true]))),
                KeyValue::new("doubles", Value::Array(Array::F64(vec![0.5]))),
            ])
            .with_events(vec![event])
            .with_links(vec![link]),
        &Context::new().with_remote_span_context(caller),
    );
    let context = Context::new().with_span(span);
    context.span().set_status(Status::error("broken"));
    let span_id = context.span().span_context().span_id().to_bytes().to_vec();
    context
        .span()
        .end_with_timestamp(start + Duration::from_nanos(5));

    let received = pipeline.received();
    let sent = &received.raw_traces[0].resource_spans[0].scope_spans[0].spans[0];
    let trace_id = TraceId::from(7).to_bytes().to_vec();
    let list = |values: Vec<Any>| {
        let values = values.into_iter().map(any).collect();
        Any::ArrayValue(common::ArrayValue { values })
    };
    let expected = trace::Span {
        trace_id: trace_id.clone(),
        span_id,
        trace_state: "vendor=x".into(),
        parent_span_id: SpanId::from(9).to_bytes().to_vec(),
        flags: 0x301,
        name: "whole".into(),
        kind: trace::span::SpanKind::Consumer.into(),
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_000_000_006,
        attributes: vec![
            pair("text", Any::StringValue("ünïcödé".into())),
            pair("int", Any::IntValue(i64::MIN)),
            pair("double", Any::DoubleValue(f64::MIN_POSITIVE)),
            // Upstream drops booleans.
            pair("bool", Any::StringValue("true".into())),
            pair(
                "texts",
                list(vec![
                    Any::StringValue("a".into()),
                    Any::StringValue("b".into()),
                ]),
            ),
            pair("bools", list(vec![Any::StringValue("true".into())])),
            pair("doubles", list(vec![Any::DoubleValue(0.5)])),
        ],
        dropped_attributes_count: 0,
        events: vec![trace::span::Event {
            time_unix_nano: 1_700_000_000_000_000_001,
            name: "tick".into(),
            attributes: vec![pair("n", Any::IntValue(1))],
            dropped_attributes_count: 0,
        }],
        dropped_events_count: 0,
        links: vec![trace::span::Link {
            trace_id,
            span_id: SpanId::from(9).to_bytes().to_vec(),
            trace_state: "vendor=x".into(),
            attributes: vec![pair("why", Any::StringValue("queue".into()))],
            dropped_attributes_count: 0,
            flags: 0x301,
        }],
        dropped_links_count: 0,
        status: Some(trace::Status {
            message: "broken".into(),
            code: trace::status::StatusCode::Error.into(),
        }),
    };
    assert_eq!(*sent, expected);
}

#[test]
fn a_log_record_of_the_opentelemetry_api_arrives_whole() {
    let pipeline = Pipeline::start();
    let logger = pipeline.highlight.logger_provider().logger("by-hand");
    let mut record = logger.create_log_record();
    record.set_timestamp(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001));
    record.set_severity_number(highlight::otel::opentelemetry::logs::Severity::Warn2);
    record.set_body("plain".into());
    record.set_event_name("shop.ordered");
    record.set_target("shop");
    record.set_trace_context(TraceId::from(7), SpanId::from(9), Some(TraceFlags::SAMPLED));
    record.add_attribute("int", 5);
    record.add_attribute(
        "list",
        AnyValue::ListAny(Box::new(vec![1.into(), "two".into()])),
    );
    record.add_attribute("bytes", AnyValue::Bytes(Box::new(vec![0xde, 0xad])));
    let map = [("inner".into(), AnyValue::Boolean(false))].into();
    record.add_attribute("map", AnyValue::Map(Box::new(map)));
    logger.emit(record);

    let received = pipeline.received();
    let sent = &received.raw_logs[0].resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!(sent.time_unix_nano, 1_700_000_000_000_000_001);
    assert_eq!(
        (sent.severity_number, sent.severity_text.as_str()),
        (13, "warn")
    );
    assert_eq!(sent.event_name, "shop.ordered");
    assert_eq!(sent.body, Some(any(Any::StringValue("plain".into()))));
    assert_eq!(sent.trace_id, TraceId::from(7).to_bytes());
    assert_eq!(sent.span_id, SpanId::from(9).to_bytes());
    assert_eq!(sent.flags, 1);
    let values = vec![any(Any::IntValue(1)), any(Any::StringValue("two".into()))];
    let inner = vec![pair("inner", Any::StringValue("false".into()))];
    assert_eq!(
        sent.attributes,
        [
            pair("code.namespace", Any::StringValue("shop".into())),
            pair("int", Any::IntValue(5)),
            pair("list", Any::ArrayValue(common::ArrayValue { values })),
            pair("bytes", Any::StringValue("dead".into())),
            pair(
                "map",
                Any::KvlistValue(common::KeyValueList { values: inner })
            ),
        ]
    );
}

fn any(value: Any) -> common::AnyValue {
    common::AnyValue { value: Some(value) }
}

fn pair(key: &str, value: Any) -> common::KeyValue {
    common::KeyValue {
        key: key.into(),
        value: Some(any(value)),
        ..common::KeyValue::default()
    }
}
