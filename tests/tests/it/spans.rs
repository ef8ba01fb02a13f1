//! `tracing` spans become OpenTelemetry spans.

use std::time::Duration;

use highlight::otel::opentelemetry::trace::{
    Span as _, SpanKind, Tracer as _, TracerProvider as _,
};
use highlight::otel::opentelemetry::{Array, KeyValue, Value};
use highlight_tests::support::Pipeline;

#[test]
fn nesting_names_and_fields_arrive() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let started = std::time::Instant::now();
    tracing::info_span!("checkout", cart = "c-17", total = 12.5, level = "gold").in_scope(|| {
        tracing::info_span!("charge").in_scope(|| std::thread::sleep(Duration::from_millis(5)));
    });
    let longest = i64::try_from(started.elapsed().as_nanos()).expect("short");
    let received = pipeline.received();
    let span = |name: &str| {
        received
            .spans
            .iter()
            .find(|span| span.name == name)
            .unwrap()
    };
    let (checkout, charge) = (span("checkout"), span("charge"));
    assert_eq!(charge.parent_span_id, checkout.span_id);
    assert_eq!(charge.trace_id, checkout.trace_id);
    assert_eq!(checkout.parent_span_id, "");
    assert_eq!(checkout.kind, "Internal");
    assert_eq!(checkout.attributes["cart"], "c-17");
    assert_eq!(checkout.attributes["total"], "12.5");
    assert_eq!(checkout.attributes["attr.level"], "gold");
    assert!((5_000_000..longest).contains(&charge.duration_ns));
}

#[test]
fn a_span_made_with_opentelemetry_arrives_whole() {
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("by-hand");
    let mut span = tracer
        .span_builder("query")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("db.system", "postgresql"),
            KeyValue::new("cached", false),
            KeyValue::new("rows", Value::Array(Array::I64(vec![1, 2]))),
        ])
        .start(&tracer);
    span.add_event("retried", vec![KeyValue::new("attempt", 2)]);
    span.end();
    let received = pipeline.received();
    let [row] = &received.spans[..] else {
        panic!("one span expected\n{received}")
    };
    assert_eq!((row.name.as_str(), row.kind.as_str()), ("query", "Client"));
    assert_eq!(row.attributes["db.system"], "postgresql");
    assert_eq!(row.attributes["cached"], "false");
    assert_eq!(row.attributes["rows.0"], "1");
    assert_eq!(row.attributes["rows.1"], "2");
    assert_eq!(row.events[0].name, "retried");
    assert_eq!(row.events[0].attributes["attempt"], "2");
}

#[test]
fn an_error_event_makes_its_span_a_failed_one() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info_span!("fails").in_scope(|| tracing::error!("no luck"));
    tracing::info_span!("works").in_scope(|| tracing::warn!("nearly"));
    let received = pipeline.received();
    let status = |name: &str| {
        let span = received.spans.iter().find(|span| span.name == name);
        span.map(|span| span.status_code.as_str())
    };
    assert_eq!(status("fails"), Some("Error"));
    assert_eq!(status("works"), Some("Unset"));
}

#[test]
fn a_span_named_at_run_time_arrives_under_its_name() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    pipeline
        .highlight
        .span(&format!("job {}", 7))
        .in_scope(|| {});
    assert_eq!(pipeline.received().spans[0].name, "job 7");
}
