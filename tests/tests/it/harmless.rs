//! The application never suffers: hostile values, odd places to log from, nothing installed.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use highlight::otel::opentelemetry::KeyValue;
use highlight::otel::opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use highlight::{Highlight, Severity, Signal};
use highlight_tests::support::Pipeline;
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a Debug that panics")
    }
}

#[test]
fn a_debug_that_panics_costs_its_field_only() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info!(good = 1, bad = ?Panics, also_good = 2, "still here");
    let received = pipeline.received();
    let log = &received.logs[0];
    assert_eq!(log.body, "still here");
    assert_eq!(log.attributes["bad"], "<formatting panicked>");
    assert_eq!(log.attributes["also_good"], "2");
}

#[test]
fn a_debug_that_logs_while_it_is_logged_makes_two_records() {
    struct Logs;
    impl fmt::Debug for Logs {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let span = tracing::info_span!("inside a Debug");
            span.in_scope(|| tracing::info!("from inside"));
            f.write_str("logged")
        }
    }
    let pipeline = Pipeline::start();
    let highlight = pipeline.highlight.handle();
    let _subscribed = pipeline.subscribe();
    // `tracing` itself does not call a subscriber from within itself; the SDK's own API does.
    highlight.log(Severity::Info, |record| {
        record
            .body("outer")
            .display("field", &format_args!("{Logs:?}"));
    });
    let received = pipeline.received();
    let mut bodies: Vec<_> = received.logs.iter().map(|log| log.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["from inside", "outer"]);
}

#[test]
fn a_thread_local_that_logs_when_it_is_destroyed_does_no_harm() {
    struct Last(highlight::Highlight);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.log(Severity::Info, |record| {
                record.body("good bye");
            });
            self.0
                .capture_error(&std::io::Error::other("at the very end"));
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let pipeline = Pipeline::start();
    for use_the_sdk_first in [false, true] {
        let highlight = pipeline.highlight.handle();
        std::thread::spawn(move || {
            if use_the_sdk_first {
                highlight.log(Severity::Info, |record| {
                    record.body("hello");
                });
            }
            LAST.with_borrow_mut(|last| *last = Some(Last(highlight)));
        })
        .join()
        .expect("the thread ends in peace");
    }
    let received = pipeline.received();
    assert_eq!(received.errors.len(), 2, "{received}");
    let good_byes = received.logs.iter().filter(|log| log.body == "good bye");
    assert_eq!(good_byes.count(), 2);
}

#[test]
fn a_record_too_large_to_send_is_counted() {
    let pipeline = Pipeline::with(|config| config.request_bytes(8 * 1024));
    pipeline.highlight.log(Severity::Info, |record| {
        record.body(&"x".repeat(10_000));
    });
    let stats = pipeline.highlight.stats();
    assert_eq!(
        stats.dropped(Signal::Logs, highlight::DropReason::TooLarge),
        1
    );
    assert_eq!(pipeline.received().logs.len(), 0);
}

#[test]
fn a_span_without_end_of_events_and_links_keeps_128_of_each() {
    let pipeline = Pipeline::start();
    let tracer = pipeline.highlight.tracer_provider().tracer("by-hand");
    let mut span = tracer.start("busy");
    let other = span.span_context().clone();
    for number in 0..500 {
        let many = (0..500).map(|_| KeyValue::new("number", number)).collect();
        span.add_event("tick", many);
        span.add_link(other.clone(), Vec::new());
    }
    span.end();
    let received = pipeline.received();
    let span = &received.raw_traces[0].resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.events.len(), span.dropped_events_count), (128, 372));
    assert_eq!((span.links.len(), span.dropped_links_count), (128, 372));
    assert_eq!(span.events[0].attributes.len(), 128);
    assert_eq!(span.events[0].dropped_attributes_count, 372);
}

#[test]
fn names_and_values_of_any_kind_are_sent() {
    let pipeline = Pipeline::start();
    pipeline.highlight.log(Severity::Info, |record| {
        record
            .body("\0\u{feff}\u{202e}🦀")
            .text("", "empty name")
            .text("🦀", "\0")
            .double("nan", f64::NAN)
            .double("infinite", f64::NEG_INFINITY);
    });
    let received = pipeline.received();
    assert_eq!(received.logs[0].body, "\0\u{feff}\u{202e}🦀");
    assert_eq!(received.logs[0].attributes["🦀"], "\0");
}

#[test]
fn without_an_sdk_every_call_is_a_no_op() {
    highlight::capture_error(&std::io::Error::other("nobody listens"));
    highlight::span("nowhere").in_scope(|| {});
    assert_eq!(highlight::project_id(), None);
    assert_eq!(highlight::stats(), highlight::Stats::default());
    assert_eq!(highlight::flush(), Err(highlight::FlushError::Stopped));
    assert!(highlight::Highlight::installed().is_none());
}

#[test]
fn hooks_that_log_and_report_for_every_record_come_to_an_end() {
    let handle: Arc<OnceLock<Highlight>> = Arc::default();
    let report = {
        let handle = Arc::clone(&handle);
        move |what: &str| {
            let highlight = handle.get().unwrap();
            highlight.log(Severity::Info, |record| {
                record.body(&format_args!("from {what}"));
            });
            highlight.capture_error(&std::io::Error::other("from a hook"));
            tracing::info!("through tracing");
        }
    };
    let pipeline = Pipeline::with(|config| {
        let (log, span, error) = (report.clone(), report.clone(), report);
        config
            .before_log(move |_| log("before_log"))
            .before_span(move |_| span("before_span"))
            .before_error(move |report| {
                error("before_error");
                Some(report)
            })
    });
    assert!(handle.set(pipeline.highlight.handle()).is_ok());
    let _subscribed = pipeline.subscribe();
    pipeline.highlight.log(Severity::Info, |record| {
        record.body("the log");
    });
    tracing::info_span!("the span").in_scope(|| {});
    pipeline
        .highlight
        .capture_error(&std::io::Error::other("the error"));
    let received = pipeline.received();
    for body in [
        "the log",
        "from before_log",
        "from before_span",
        "from before_error",
    ] {
        let found = received.logs.iter().any(|log| log.body == body);
        assert!(found, "{body}\n{received}");
    }
    assert!(
        received
            .errors
            .iter()
            .any(|error| error.message == "the error")
    );
    assert!(
        received
            .errors
            .iter()
            .any(|error| error.message == "from a hook")
    );
}

#[test]
fn a_layer_that_logs_in_its_callbacks_does_no_harm() {
    struct Chatty(Highlight);
    impl<S: tracing::Subscriber> Layer<S> for Chatty {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            self.say("on_event");
        }
        fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            self.say("on_new_span");
        }
        fn on_enter(&self, _: &Id, _: Context<'_, S>) {
            self.say("on_enter");
        }
        fn on_exit(&self, _: &Id, _: Context<'_, S>) {
            self.say("on_exit");
        }
        fn on_close(&self, _: Id, _: Context<'_, S>) {
            self.say("on_close");
        }
    }
    impl Chatty {
        fn say(&self, what: &str) {
            // `tracing` keeps it back where it would come to the layers from within themselves; the SDK's own API does not.
            tracing::info!("from {what}");
            self.0.log(Severity::Info, |record| {
                record.body(what);
            });
            self.0
                .capture_error(&std::io::Error::other(what.to_owned()));
        }
    }
    let pipeline = Pipeline::start();
    let chatty = || Chatty(pipeline.highlight.handle());
    let registry = tracing_subscriber::registry()
        .with(chatty())
        .with(pipeline.highlight.layer())
        .with(chatty());
    tracing::subscriber::with_default(registry, || {
        tracing::info_span!("a span").in_scope(|| tracing::info!("an event"));
    });
    let received = pipeline.received();
    assert!(received.logs.iter().any(|log| log.body == "an event"));
    assert!(received.spans.iter().any(|span| span.name == "a span"));
    for what in ["on_event", "on_new_span", "on_enter", "on_exit", "on_close"] {
        let logs = received.logs.iter().filter(|log| log.body == what).count();
        let errors = received.errors.iter();
        let errors = errors.filter(|error| error.message == what).count();
        // Both layers are called. Each time there is a log and an error, which makes a log row of the same text too.
        assert!(errors >= 2, "{what}\n{received}");
        assert_eq!(logs, 2 * errors, "{what}\n{received}");
    }
}
