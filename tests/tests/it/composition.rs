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
