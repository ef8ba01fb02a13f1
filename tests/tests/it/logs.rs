//! `tracing` events become log records.

use highlight_tests::support::Pipeline;
use server_mock::LogRow;

#[test]
fn an_event_keeps_its_fields_with_their_types() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info!(
        cart = %"c-17",
        total = 12.5,
        items = 3,
        huge = u64::MAX,
        paid = true,
        address = ?("Main Street", 5),
        "order {} placed",
        42
    );
    let received = pipeline.received();
    let [log] = &received.logs[..] else {
        panic!("one log expected\n{received}")
    };
    assert_eq!(log.body, "order 42 placed");
    assert_eq!(log.severity_text, "info");
    assert_eq!(log.service_name, "shop");
    assert_eq!(log.service_version, "1.2.3");
    assert_eq!(log.environment, "test");
    assert_eq!(log.project_id, 1);
    for (key, value) in [
        ("cart", "c-17"),
        ("total", "12.5"),
        ("items", "3"),
        ("huge", "18446744073709551615"),
        ("paid", "true"),
        ("address", "(\"Main Street\", 5)"),
        ("code.namespace", "it::logs"),
        ("code.file.path", "tests/tests/it/logs.rs"),
        ("code.filepath", "tests/tests/it/logs.rs"),
        ("code.line.number", "10"),
        ("code.lineno", "10"),
        (
            "thread.name",
            "logs::an_event_keeps_its_fields_with_their_types",
        ),
    ] {
        assert_eq!(
            log.attributes.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
}

#[test]
fn each_level_has_its_severity() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::trace!("t");
    tracing::debug!("d");
    tracing::info!("i");
    tracing::warn!("w");
    tracing::error!("e");
    let received = pipeline.received();
    let severities: Vec<_> = received
        .logs
        .iter()
        .map(|log| (log.body.as_str(), log.severity_text.as_str()))
        .collect();
    assert_eq!(
        severities,
        [
            ("t", "trace"),
            ("d", "debug"),
            ("i", "info"),
            ("w", "warn"),
            ("e", "error")
        ]
    );
    assert!(
        received.errors.is_empty(),
        "no field `error`, no error\n{received}"
    );
}

#[test]
fn the_time_is_the_time_of_the_event() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let before = nanos();
    tracing::info!("now");
    let after = nanos();
    let time = pipeline.received().logs[0].timestamp_ns;
    assert!((before..=after).contains(&time), "{before} {time} {after}");
}

fn nanos() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("the clock is right");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

#[test]
fn an_event_in_a_span_has_its_ids_and_is_not_a_span_event_too() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info_span!("outer").in_scope(|| {
        tracing::info_span!("inner").in_scope(|| tracing::info!("inside"));
    });
    let received = pipeline.received();
    let inner = received.spans.iter().find(|span| span.name == "inner");
    let inner = inner.expect("the inner span arrived");
    assert_eq!(received.logs[0].span_id, inner.span_id);
    assert_eq!(received.logs[0].trace_id, inner.trace_id);
    assert!(
        received.spans.iter().all(|span| span.events.is_empty()),
        "{received}"
    );
}

#[test]
fn an_event_with_an_explicit_parent_has_that_ones_ids() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let parent = tracing::info_span!("parent");
    tracing::info_span!("elsewhere").in_scope(|| {
        tracing::info!(parent: &parent, "with");
        tracing::info!(parent: None, "without");
    });
    drop(parent);
    let received = pipeline.received();
    let parent = received.spans.iter().find(|span| span.name == "parent");
    let parent = parent.expect("the parent arrived");
    let log = |body: &str| received.logs.iter().find(|log| log.body == body).unwrap();
    assert_eq!(log("with").span_id, parent.span_id);
    assert_eq!(log("with").trace_id, parent.trace_id);
    assert_eq!(log("without").span_id, "");
}

#[test]
fn the_filter_decides_what_is_captured() {
    let pipeline = Pipeline::with(|config| config.filter("warn,it::logs=info"));
    let _subscribed = pipeline.subscribe();
    tracing::debug!("too detailed");
    tracing::info!("mine");
    tracing::info!(target: "other", "not mine");
    tracing::warn!(target: "other", "loud enough");
    let received = pipeline.received();
    let bodies: Vec<_> = received.logs.iter().map(|log| log.body.as_str()).collect();
    assert_eq!(bodies, ["mine", "loud enough"]);
}

/// A hook, or breadcrumbs, need the record where it is made; otherwise it is written later, by the worker.
#[test]
fn where_a_record_is_written_makes_no_difference() {
    let shown = |pipeline: Pipeline| {
        let _subscribed = pipeline.subscribe();
        let long = "€".repeat(100_000);
        let password = "hunter2";
        let parsed = "x".parse::<u8>().unwrap_err();
        let source: &(dyn std::error::Error + 'static) = &parsed;
        tracing::info!("nothing but text");
        tracing::info!(
            n = -7_i64, big = u64::MAX, wide = u128::MAX, f = 0.5, nan = f64::NAN, yes = true, text = "a\nb", none = "", unit = ?(),
            "all of {}", "them"
        );
        tracing::warn!(password, api_key = ?password, token = 5, secret = true, "card 4111 1111 1111 1111");
        tracing::warn!(level = "taken", message.text = %password, source, "refused <b>in</b> part");
        tracing::error!(code = 5, "no error, but failed");
        tracing::info!(long, "{long}");
        tracing::info!(display = %Fails, debug = ?Fails, "{Fails}");
        tracing::info!(target: "elsewhere", parent: None, "placed");
        tracing::info_span!("work").in_scope(|| tracing::info!(in_span = 1));
        let logs = pipeline.received().logs.into_iter();
        let shown = |log: LogRow| {
            let has_trace = !log.trace_id.is_empty();
            (log.body, log.severity_text, log.attributes, has_trace)
        };
        logs.map(shown).collect::<Vec<_>>()
    };
    let noted = shown(Pipeline::start());
    let at_once = shown(Pipeline::with(|config| config.breadcrumbs(1)));
    assert_eq!(noted.len(), 9);
    for (noted, at_once) in noted.iter().zip(&at_once) {
        let body: String = noted.0.chars().take(40).collect();
        let differing = noted
            .2
            .iter()
            .filter(|(key, value)| at_once.2.get(*key) != Some(value));
        let differing: Vec<_> = differing.map(|(key, _)| key).collect();
        assert!(noted == at_once, "{body}: {differing:?}");
    }
}

struct Fails;

impl std::fmt::Display for Fails {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

impl std::fmt::Debug for Fails {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a Debug that panics")
    }
}
