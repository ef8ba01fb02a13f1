//! User, tags and recent logs of a request or job.

use highlight::{Session, Severity, User, set_tag, set_user, with_scope, with_session};
use highlight_tests::support::Pipeline;
use tracing::Instrument as _;

#[tokio::test]
async fn user_and_tags_are_on_all_that_follows_in_the_scope() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    with_scope(async {
        tracing::info!("before");
        set_user(User::new("u-17").email("ann@example.com").name("Ann"));
        set_tag("plan", "silver");
        set_tag("plan", "gold");
        tracing::info!("after");
        let job = async { tracing::info!("spawned") };
        tokio::spawn(job.instrument(tracing::info_span!("job")))
            .await
            .unwrap();
        pipeline
            .highlight
            .capture_error(&std::io::Error::other("no"));
    })
    .await;
    tracing::info!("outside");
    let received = pipeline.received();
    for log in &received.logs {
        let user = log.attributes.get("user.id").map(String::as_str);
        let inside = !["before", "outside"].contains(&log.body.as_str());
        assert_eq!(user, inside.then_some("u-17"), "{}", log.body);
        assert_eq!(
            log.attributes.get("plan").map(String::as_str),
            inside.then_some("gold")
        );
    }
    let job = received
        .spans
        .iter()
        .find(|span| span.name == "job")
        .unwrap();
    assert_eq!(job.attributes["user.email"], "ann@example.com");
    assert!(
        received.errors[0].payload.contains("\"user.name\":\"Ann\""),
        "{}",
        received.errors[0].payload
    );
}

#[tokio::test]
async fn two_scopes_on_one_thread_do_not_mix_and_none_is_no_one_s() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    set_user(User::new("nobody"));
    tokio::join!(with_scope(speak("ann")), with_scope(speak("bob")));
    tracing::info!("nobody's");
    let received = pipeline.received();
    assert_eq!(received.logs.len(), 11);
    for log in &received.logs {
        let user = log
            .attributes
            .get("user.id")
            .map_or("nobody's", String::as_str);
        assert_eq!(user, log.body);
    }
}

#[tokio::test]
async fn scope_session_and_span_go_together_in_any_order() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let session = || Session::new("abc").unwrap();
    let work = || async {
        set_tag("queue", "mail");
        tracing::info!("sent");
    };
    let span = || tracing::info_span!("job");
    with_scope(with_session(session(), work()))
        .instrument(span())
        .await;
    with_session(session(), with_scope(work()))
        .instrument(span())
        .await;
    let spawned = span().in_scope(|| tokio::spawn(with_session(session(), with_scope(work()))));
    spawned.await.unwrap();
    let received = pipeline.received();
    assert_eq!(received.logs.len(), 3);
    for log in &received.logs {
        assert_eq!(log.secure_session_id, "abc");
        assert_eq!(log.attributes["queue"], "mail");
        assert_ne!(log.span_id, "");
    }
}

async fn speak(name: &'static str) {
    set_user(User::new(name));
    for _ in 0..5 {
        tracing::info!("{name}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_error_brings_the_logs_before_it_when_asked_to() {
    let pipeline = Pipeline::with(|config| config.breadcrumbs(2));
    let _subscribed = pipeline.subscribe();
    with_scope(async {
        for text in ["one", "two", "password=three"] {
            tracing::info!("{text}");
        }
        pipeline
            .highlight
            .capture_error(&std::io::Error::other("no"));
    })
    .await;
    let received = pipeline.received();
    let payload: serde_json::Value = serde_json::from_str(&received.errors[0].payload).unwrap();
    assert_eq!(
        payload["highlight.breadcrumbs"],
        "info two\ninfo password=[redacted]"
    );
}

#[test]
fn a_message_is_an_error_from_error_on() {
    let pipeline = Pipeline::start();
    pipeline
        .highlight
        .capture_message("nearly full", Severity::Warn);
    pipeline
        .highlight
        .capture_message("disk is full", Severity::Error);
    let received = pipeline.received();
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}")
    };
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("message", "disk is full")
    );
    assert!(
        error.stacktrace.contains("scopes.rs:"),
        "{}",
        error.stacktrace
    );
    assert_eq!(received.logs.len(), 2);
}
