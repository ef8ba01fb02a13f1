//! What is sent is the application's decision: redaction, hooks, sampling.

use highlight::otel::opentelemetry::KeyValue;
use highlight::otel::opentelemetry::trace::{Tracer as _, TracerProvider as _};
use highlight::{DropReason, Kind, Signal};
use highlight_tests::support::Pipeline;

#[test]
fn secrets_do_not_leave_the_process() {
    let pipeline = Pipeline::with(|config| config.redact_field("iban").source_context(false));
    let _subscribed = pipeline.subscribe();
    let card = "4111 1111 1111 1111";
    tracing::info_span!(
        "login",
        password = "hunter2",
        url = "https://ann:hunter2@shop/a"
    )
    .in_scope(|| {
        tracing::info!(
            password = "hunter2",
            api_key = 4711,
            iban = %"DE89 hunter2",
            cart = "c-17",
            "paid with {card}, see https://x/?token=hunter2&page=2"
        );
        let error = std::io::Error::other("no route to postgres://app:hunter2@db/shop");
        pipeline.highlight.capture_error(&error);
        tracing::error!(error = %error, "database is gone: password=hunter2");
    });
    pipeline.highlight.log(highlight::Severity::Info, |record| {
        record
            .body("by hand")
            .text("set-cookie", "id=hunter2")
            .display("header", &"authorization: hunter2");
    });
    let received = pipeline.received();
    for raw in [
        format!("{:?}", received.raw_logs),
        format!("{:?}", received.raw_traces),
    ] {
        assert!(
            !raw.contains("hunter2") && !raw.contains("4111 1111"),
            "{raw}"
        );
    }
    let paid = received
        .logs
        .iter()
        .find(|log| log.body.starts_with("paid"))
        .unwrap();
    assert_eq!(
        paid.body,
        "paid with [redacted], see https://x/?token=[redacted]&page=2"
    );
    assert_eq!(paid.attributes["password"], "[redacted]");
    assert_eq!(paid.attributes["api_key"], "[redacted]");
    assert_eq!(paid.attributes["cart"], "c-17");
    let error = &received.errors[0];
    assert_eq!(error.message, "no route to postgres://[redacted]@db/shop");
    assert!(
        error.stacktrace.contains("postgres://[redacted]@db/shop"),
        "{}",
        error.stacktrace
    );
}

#[test]
fn redaction_can_be_switched_off() {
    let pipeline = Pipeline::with(|config| config.redaction(false));
    let _subscribed = pipeline.subscribe();
    tracing::info!(password = "hunter2", "token=abc");
    let received = pipeline.received();
    assert_eq!(received.logs[0].body, "token=abc");
    assert_eq!(received.logs[0].attributes["password"], "hunter2");
}

#[test]
fn a_hook_may_change_a_log_or_keep_it_back() {
    let pipeline = Pipeline::with(|config| {
        config.before_log(|record| match record.attribute("do") {
            Some("discard") => record.discard(),
            Some("panic") => panic!("in the hook"),
            _ => {
                let text = record.text().to_uppercase();
                record.set_text(text);
                record.set_attribute("seen", "yes");
                record.remove_attribute("thread.name");
            }
        })
    });
    let _subscribed = pipeline.subscribe();
    tracing::info!(cart = 17, "hello");
    tracing::info!("do" = "discard", "gone");
    tracing::info!("do" = "panic", "gone");
    let received = pipeline.received();
    let [log] = &received.logs[..] else {
        panic!("one log expected\n{received}")
    };
    assert_eq!(log.body, "HELLO");
    assert_eq!(log.severity_text, "info");
    assert_eq!(log.attributes["seen"], "yes");
    assert_eq!(log.attributes["cart"], "17");
    assert!(!log.attributes.contains_key("thread.name"));
    assert_eq!(
        pipeline
            .highlight
            .stats()
            .dropped(Signal::Logs, DropReason::Hook),
        2
    );
}

#[test]
fn a_hook_may_change_a_span_or_keep_it_back() {
    let pipeline = Pipeline::with(|config| {
        config.before_span(|record| {
            if record.text() == "noise" {
                record.discard();
            } else if record.text() == "job" {
                record.set_text("renamed");
            }
        })
    });
    let _subscribed = pipeline.subscribe();
    tracing::info_span!("noise").in_scope(|| {});
    tracing::info_span!("job", id = 7).in_scope(|| {});
    let received = pipeline.received();
    let names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(names, ["renamed"]);
    assert_eq!(received.spans[0].attributes["id"], "7");
    assert_eq!(
        pipeline
            .highlight
            .stats()
            .dropped(Signal::Traces, DropReason::Hook),
        1
    );
}

#[test]
fn a_hook_may_change_an_error_or_keep_it_back() {
    let pipeline = Pipeline::with(|config| {
        config.before_error(|report| {
            let expected = report.message().starts_with("expected");
            (!expected).then(|| {
                report
                    .with_message("grouped")
                    .with_fingerprint("f-1")
                    .with_attribute("team", "pay")
            })
        })
    });
    let _subscribed = pipeline.subscribe();
    let unexpected = std::io::Error::other("order 4711 is odd");
    let expected = std::io::Error::other("expected failure");
    pipeline.highlight.capture_error(&unexpected);
    pipeline.highlight.capture_error(&expected);
    tracing::error!(error = %expected, "told all the same");
    let received = pipeline.received();
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}")
    };
    assert_eq!(error.message, "grouped");
    assert!(
        error.payload.contains("\"team\":\"pay\""),
        "{}",
        error.payload
    );
    assert!(
        received
            .logs
            .iter()
            .any(|log| log.body == "told all the same")
    );
}

#[test]
fn sampling_takes_whole_traces_out_and_leaves_logs_and_errors() {
    let pipeline = Pipeline::with(|config| config.sample_rate(0.0).sample_name("wanted", 1.0));
    let _subscribed = pipeline.subscribe();
    for name in ["wanted", "unwanted"] {
        tracing::info_span!("outer", otel.name = name).in_scope(|| {
            tracing::info_span!("inner").in_scope(|| {
                tracing::info!("{name}");
                pipeline
                    .highlight
                    .capture_error(&std::io::Error::other(name));
            });
        });
    }
    let received = pipeline.received();
    let mut names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["highlight.error", "highlight.error", "inner", "wanted"]
    );
    let told = received
        .raw_logs
        .iter()
        .flat_map(|request| &request.resource_logs);
    let told: usize = told
        .flat_map(|group| &group.scope_logs)
        .map(|scope| scope.log_records.len())
        .sum();
    assert_eq!((told, received.errors.len()), (2, 2));
    let unwanted = received
        .errors
        .iter()
        .find(|error| error.message == "unwanted")
        .unwrap();
    assert_eq!(
        unwanted.trace_id.len(),
        32,
        "tied to its trace all the same"
    );
}

#[test]
fn sampling_by_kind_looks_at_the_span_the_trace_begins_with() {
    let pipeline = Pipeline::with(|config| config.sample_kind(Kind::Internal, 0.0));
    let tracer = pipeline.highlight.tracer_provider().tracer("by-hand");
    for kind in ["client", "internal"] {
        use highlight::otel::opentelemetry::trace::SpanKind;
        let builder = tracer.span_builder(kind).with_kind(match kind {
            "client" => SpanKind::Client,
            _ => SpanKind::Internal,
        });
        drop(
            builder
                .with_attributes([KeyValue::new("kind", kind)])
                .start(&tracer),
        );
    }
    let received = pipeline.received();
    let names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(names, ["client"]);
}

#[test]
fn a_fingerprint_groups_what_messages_keep_apart() {
    let pipeline = Pipeline::start();
    for message in ["order 1 is odd", "order 2 is odd"] {
        let report = highlight::ErrorReport::new(&std::io::Error::other(message));
        pipeline
            .highlight
            .capture(report.with_fingerprint("odd-order"));
        pipeline
            .highlight
            .capture_error(&std::io::Error::other(message));
    }
    let received = pipeline.received();
    let groups: std::collections::HashSet<_> = received
        .errors
        .iter()
        .map(|error| &error.fingerprint)
        .collect();
    assert_eq!((received.errors.len(), groups.len()), (4, 3));
}

#[test]
fn a_hook_may_rename_a_metric_or_keep_it_back() {
    let pipeline = Pipeline::with(|config| {
        config.before_metric(|metric| match metric.text() {
            "noise" => metric.discard(),
            "old" => metric.set_text("new"),
            _ => {}
        })
    });
    for name in ["noise", "old", "kept"] {
        pipeline.highlight.record_count(name, 2, &[("k", "v")]);
    }
    let received = pipeline.received();
    let mut names: Vec<_> = received
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["kept", "new"]);
    assert_eq!(received.metrics[0].attributes["k"], "v");
    let stats = pipeline.highlight.stats();
    assert_eq!(stats.dropped(Signal::Metrics, DropReason::Hook), 1);
}

#[test]
fn a_signal_that_is_off_is_not_sent_and_errors_are() {
    let pipeline = Pipeline::with(|config| config.traces(false).logs(false).metrics(false));
    let _subscribed = pipeline.subscribe();
    tracing::info_span!("work").in_scope(|| {
        tracing::info!("quiet");
        tracing::error!(error = "broken", "loud");
        pipeline
            .highlight
            .capture_error(&std::io::Error::other("captured"));
    });
    pipeline.highlight.record_incr("works", &[]);
    let received = pipeline.received();
    let spans: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    assert_eq!(spans, ["highlight.error"]);
    assert_eq!(received.errors.len(), 2, "{received}");
    assert!(received.logs.iter().all(|log| log.body != "quiet"));
    assert!(received.metrics.is_empty());
    assert_eq!(pipeline.highlight.stats().dropped_total(), 0);
}
