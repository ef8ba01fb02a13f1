//! Trace and session through queues and tasks.

use highlight::propagation::{Carrier, inject};
use highlight::{Session, in_current_context, set_tag, with_scope, with_session};
use highlight_tests::support::{Pipeline, SESSION};
use tracing::Instrument as _;

/// Runs `work` in a span that is begun on behalf of a session.
async fn in_session<T>(id: &str, span: &'static str, work: impl Future<Output = T>) -> T {
    let session = Session::new(id).unwrap();
    with_session(session, async {
        work.instrument(highlight::span(span)).await
    })
    .await
}

/// What a queue would keep of a message made in the span `ordering`.
async fn message() -> String {
    let queue = async { serde_json::to_string(&Carrier::current()).unwrap() };
    in_session(SESSION, "ordering", queue).await
}

#[tokio::test]
async fn a_job_goes_on_below_the_span_that_queued_it() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let message = message().await;
    // The worker has a span and a session of its own.
    let worker = async {
        let carrier: Carrier = serde_json::from_str(&message).unwrap();
        let job = async {
            tracing::info!("in no span");
            async { tracing::info!("in its span") }
                .instrument(tracing::info_span!("job"))
                .await;
        };
        carrier.run(job).await;
        tracing::info!("the worker's own");
    };
    in_session("workers", "worker", worker).await;
    let received = pipeline.received();
    let span = |name| {
        received
            .spans
            .iter()
            .find(|span| span.name == name)
            .unwrap()
    };
    let (ordering, job, worker) = (span("ordering"), span("job"), span("worker"));
    assert_eq!(
        (&job.trace_id, &job.parent_span_id),
        (&ordering.trace_id, &ordering.span_id)
    );
    assert_ne!(worker.trace_id, job.trace_id);
    for (log, at, session) in [
        ("in no span", ordering, SESSION),
        ("in its span", job, SESSION),
        ("the worker's own", worker, "workers"),
    ] {
        let row = received.logs.iter().find(|row| row.body == log).unwrap();
        assert_eq!(
            (&row.span_id, row.secure_session_id.as_str()),
            (&at.span_id, session),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_thread_takes_a_job_up_as_well() {
    let pipeline = Pipeline::start();
    let subscribed = pipeline.subscribe();
    let carrier: Carrier = serde_json::from_str(&message().await).unwrap();
    drop(subscribed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _subscribed = pipeline.subscribe();
            let attached = carrier.attach();
            tracing::info!("at work");
            drop(attached);
            tracing::info!("idle");
        });
    });
    let received = pipeline.received();
    let sessions: Vec<_> = received
        .logs
        .iter()
        .map(|log| log.secure_session_id.as_str())
        .collect();
    assert_eq!(sessions, [SESSION, ""]);
    assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
}

#[tokio::test]
async fn a_hostile_message_carries_nothing() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let long = "a".repeat(100_000);
    for pairs in [
        vec![
            ("x-highlight-request", "<script>"),
            ("traceparent", "00-0-0-01"),
        ],
        vec![
            ("x-highlight-request", &long),
            ("traceparent", &long),
            ("baggage", &long),
        ],
        vec![(
            "traceparent",
            "00-00000000000000000000000000000000-0000000000000000-01",
        )],
        vec![("baggage", "x-highlight-request=%00"), ("tracestate", "=")],
        vec![],
    ] {
        let carrier = Carrier::from_pairs(pairs);
        assert_eq!(carrier.session(), None);
        carrier.run(async { tracing::info!("done") }).await;
    }
    assert!(serde_json::from_str::<Carrier>("[1]").is_err());
    let received = pipeline.received();
    assert_eq!(received.logs.len(), 5);
    for log in &received.logs {
        assert_eq!(
            (log.trace_id.as_str(), log.secure_session_id.as_str()),
            ("", "")
        );
    }
}

#[tokio::test]
async fn a_spawned_task_has_what_is_current() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let work = async {
        set_tag("plan", "gold");
        tokio::spawn(async { tracing::info!("bare") })
            .await
            .unwrap();
        let job = async {
            tokio::task::yield_now().await;
            tracing::info!("given");
            async { tracing::info!("below") }
                .instrument(tracing::info_span!("nested"))
                .await;
        };
        tokio::spawn(in_current_context(job)).await.unwrap();
    };
    with_scope(in_session(SESSION, "outer", work)).await;
    let received = pipeline.received();
    let outer = received
        .spans
        .iter()
        .find(|span| span.name == "outer")
        .unwrap();
    let nested = received
        .spans
        .iter()
        .find(|span| span.name == "nested")
        .unwrap();
    assert_eq!(nested.parent_span_id, outer.span_id);
    for (body, session, plan) in [
        ("bare", "", None),
        ("given", SESSION, Some("gold")),
        ("below", SESSION, Some("gold")),
    ] {
        let log = received.logs.iter().find(|log| log.body == body).unwrap();
        assert_eq!(log.secure_session_id, session, "{body}");
        assert_eq!(
            log.attributes.get("plan").map(String::as_str),
            plan,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_span_of_opentelemetrys_own_is_carried_too() {
    use highlight::otel::opentelemetry::Context;
    use highlight::otel::opentelemetry::trace::{
        TraceContextExt as _, Tracer as _, TracerProvider as _,
    };
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("own");
    let context = Context::new().with_span(tracer.start("own"));
    let expected = context.span().span_context().span_id().to_string();
    let attached = context.attach();
    let mut headers = Vec::new();
    inject(&mut headers);
    drop(attached);
    let [(name, value)] = &headers[..] else {
        panic!("one header expected: {headers:?}");
    };
    assert_eq!(name, "traceparent");
    assert!(value.contains(&expected));
}
