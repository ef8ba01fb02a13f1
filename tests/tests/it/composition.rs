//! Next to other people's layers and services.

use highlight_tests::support::Pipeline;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn it_lives_next_to_fmt_and_a_filter_of_their_own() {
    let pipeline = Pipeline::start();
    let printed = tracing_subscriber::fmt::layer()
        .with_test_writer()
        .with_filter(EnvFilter::new("off"));
    let registry = tracing_subscriber::registry()
        .with(printed)
        .with(pipeline.highlight.layer());
    tracing::subscriber::with_default(registry, || {
        tracing::info_span!("outer").in_scope(|| tracing::info!("hello"));
    });
    let received = pipeline.received();
    assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
}

#[test]
fn it_lives_next_to_somebody_else_s_opentelemetry_layer() {
    use highlight::otel::opentelemetry::trace::TracerProvider as _;
    let pipeline = Pipeline::start();
    let theirs = Pipeline::start();
    let tracer = theirs.highlight.tracer_provider().tracer("theirs");
    let registry = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(pipeline.highlight.layer());
    tracing::subscriber::with_default(registry, || {
        tracing::info_span!("outer").in_scope(|| tracing::info!("hello"));
    });
    let received = pipeline.received();
    assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
    assert_eq!(theirs.received().spans[0].name, "outer");
}

#[test]
fn two_services_in_one_process_do_not_mix() {
    let (one, two) = (Pipeline::start(), Pipeline::start());
    for (pipeline, text) in [(&one, "one"), (&two, "two")] {
        let _subscribed = pipeline.subscribe();
        tracing::info_span!("work").in_scope(|| tracing::info!("{text}"));
    }
    for (pipeline, text) in [(&one, "one"), (&two, "two")] {
        let received = pipeline.received();
        assert_eq!(received.logs.len(), 1);
        assert_eq!(received.logs[0].body, text);
        assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
    }
}

#[test]
fn two_services_in_one_registry_both_get_everything() {
    let (one, two) = (Pipeline::start(), Pipeline::start());
    let registry = tracing_subscriber::registry()
        .with(one.highlight.layer())
        .with(two.highlight.layer());
    tracing::subscriber::with_default(registry, || {
        tracing::info_span!("work").in_scope(|| tracing::info!("hello"));
    });
    for pipeline in [one, two] {
        let received = pipeline.received();
        assert_eq!(received.spans.len(), 1);
        assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
    }
}

#[test]
fn log_records_through_tracing_log_keep_their_place() {
    use log::Log as _;
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let record = log::Record::builder()
        .args(format_args!("charged"))
        .level(log::Level::Warn)
        .target("shop::cart")
        .module_path(Some("shop::cart"))
        .file(Some("src/cart.rs"))
        .line(Some(7))
        .build();
    tracing_log::LogTracer::new().log(&record);
    let received = pipeline.received();
    let log = &received.logs[0];
    assert_eq!(
        (log.body.as_str(), log.severity_text.as_str()),
        ("charged", "warn")
    );
    for (key, value) in [
        ("code.namespace", "shop::cart"),
        ("code.file.path", "src/cart.rs"),
        ("code.line.number", "7"),
    ] {
        assert_eq!(
            log.attributes.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
    assert!(
        log.attributes.keys().all(|key| !key.starts_with("log.")),
        "{:?}",
        log.attributes
    );
}

#[test]
fn a_field_of_that_prefix_in_an_event_of_tracing_stays() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info!(log.file = "mine", "hello");
    assert_eq!(pipeline.received().logs[0].attributes["log.file"], "mine");
}
