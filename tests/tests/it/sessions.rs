//! The session reaches everything that is done on its behalf.

use futures_util::future::FutureExt as _;
use highlight::{Session, with_session};
use highlight_tests::support::{Pipeline, SESSION};
use tracing::Instrument as _;

fn session() -> Session {
    Session::new(SESSION).expect("a valid session")
}

#[tokio::test]
async fn it_is_on_every_span_log_and_error_below() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let highlight = pipeline.highlight.handle();
    let error = std::io::Error::other("no");
    let work = async {
        tracing::info!("at once");
        let elsewhere = tracing::info_span!("elsewhere");
        async {
            tracing::info!("nested");
            tokio::task::yield_now().await;
            tracing::info!("after await");
            let spawned = async { tracing::info!("spawned") };
            tokio::spawn(spawned.in_current_span()).await.unwrap();
            tracing::info!(parent: &elsewhere, "explicit parent");
            tracing::info!(parent: None, "explicitly none");
            highlight.capture_error(&error);
        }
        .instrument(tracing::info_span!("outer"))
        .await;
    };
    with_session(session(), work).await;
    tracing::info!("outside");
    let received = pipeline.received();
    assert_eq!(received.logs.len(), 8, "{received}");
    for log in &received.logs {
        let expected = if log.body == "outside" { "" } else { SESSION };
        assert_eq!(log.secure_session_id, expected, "{}", log.body);
    }
    assert_eq!(received.spans.len(), 3, "{received}");
    for span in &received.spans {
        assert_eq!(span.secure_session_id, SESSION, "{}", span.name);
    }
    assert_eq!(received.errors[0].secure_session_id, SESSION);
}

#[tokio::test]
async fn an_explicit_parent_brings_its_own() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let parent = with_session(session(), async { tracing::info_span!("theirs") }).await;
    // Its OpenTelemetry context is made now, outside of the session that was current when the span was made.
    tracing::info!(parent: &parent, "told from outside");
    drop(parent);
    let received = pipeline.received();
    assert_eq!(received.logs[0].secure_session_id, SESSION);
}

#[tokio::test]
async fn two_sessions_on_one_thread_do_not_mix() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let one = with_session(Session::new("one").unwrap(), speak("one"));
    let two = with_session(Session::new("two").unwrap(), speak("two"));
    tokio::join!(one, two);
    let received = pipeline.received();
    assert_eq!(received.logs.len(), 20);
    for log in &received.logs {
        assert_eq!(log.secure_session_id, log.body);
    }
}

async fn speak(name: &'static str) {
    for _ in 0..10 {
        tracing::info!("{name}");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_captured_error_can_name_its_own() {
    let pipeline = Pipeline::start();
    let error = std::io::Error::other("no");
    pipeline
        .highlight
        .capture_error_with_session(&error, &session());
    let received = pipeline.received();
    assert_eq!(received.errors[0].secure_session_id, SESSION);
    assert_eq!(received.spans[0].secure_session_id, SESSION);
}

#[test]
fn a_span_with_too_many_attributes_still_has_it() {
    use highlight::otel::opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use highlight::otel::opentelemetry::{Key, KeyValue};
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("many");
    let attributes = (0..300).map(|at| KeyValue::new(Key::from(format!("k{at}")), at));
    with_session(session(), async {
        drop(
            tracer
                .span_builder("wide")
                .with_attributes(attributes)
                .start(&tracer),
        );
    })
    .now_or_never();
    let received = pipeline.received();
    assert_eq!(received.spans[0].secure_session_id, SESSION);
    let sent = &received.raw_traces[0].resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(sent.attributes.len(), 129);
    assert_eq!(sent.dropped_attributes_count, 172);
}

#[tokio::test]
async fn a_span_that_was_made_before_the_session_begins_inside_of_it() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let job = async { tracing::info!("inside") };
    with_session(session(), job.instrument(tracing::info_span!("job"))).await;
    let received = pipeline.received();
    assert_eq!(received.spans[0].secure_session_id, SESSION);
    assert_eq!(received.logs[0].secure_session_id, SESSION);
}
