//! Records of the `log` crate, through the bridge.

use std::sync::{Arc, Mutex};

use futures_util::future::FutureExt as _;
use highlight::{Session, with_session};
use highlight_log::Bridge;
use highlight_tests::support::{Pipeline, SESSION};
use log::kv::Value;
use log::{Level, LevelFilter, Log, Metadata, Record};

fn bridge(pipeline: &Pipeline) -> Bridge {
    Bridge::new().highlight(pipeline.highlight.handle())
}

fn record<'a>(level: Level, pairs: &'a [(&'a str, Value<'a>)]) -> Record<'a> {
    Record::builder()
        .args(format_args!("charged"))
        .level(level)
        .target("shop::cart")
        .module_path(Some("shop::cart::inner"))
        .file(Some("src/cart.rs"))
        .line(Some(7))
        .key_values(Box::leak(Box::new(pairs)))
        .build()
}

#[test]
fn a_record_keeps_its_key_values_and_its_place() {
    let pipeline = Pipeline::start();
    let pairs = [
        ("cart", Value::from("c-17")),
        ("total", Value::from(12.5)),
        ("items", Value::from(3)),
        ("huge", Value::from(u64::MAX)),
        ("paid", Value::from(true)),
        ("level", Value::from("gold")),
    ];
    bridge(&pipeline).log(&record(Level::Warn, &pairs));
    let received = pipeline.received();
    let log = &received.logs[0];
    assert_eq!(
        (log.body.as_str(), log.severity_text.as_str()),
        ("charged", "warn")
    );
    for (key, value) in [
        ("cart", "c-17"),
        ("total", "12.5"),
        ("items", "3"),
        ("huge", "18446744073709551615"),
        ("paid", "true"),
        ("attr.level", "gold"),
        ("code.namespace", "shop::cart"),
        ("code.module", "shop::cart::inner"),
        ("code.file.path", "src/cart.rs"),
        ("code.line.number", "7"),
    ] {
        assert_eq!(
            log.attributes.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
}

#[test]
fn a_record_in_a_span_and_session_has_both() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let bridge = bridge(&pipeline);
    let session = Session::new(SESSION).unwrap();
    with_session(session, async {
        tracing::info_span!("outer").in_scope(|| bridge.log(&record(Level::Info, &[])));
    })
    .now_or_never();
    let received = pipeline.received();
    assert_eq!(received.logs[0].secure_session_id, SESSION);
    assert_eq!(received.logs[0].span_id, received.spans[0].span_id);
}

#[test]
fn an_error_record_with_an_error_is_one_error() {
    let pipeline = Pipeline::start();
    let failure = std::io::Error::other("card declined");
    let pairs = [("error", Value::from_dyn_error(&failure))];
    bridge(&pipeline).log(&record(Level::Error, &pairs));
    let pairs = [("err", Value::from_display(&failure))];
    bridge(&pipeline).log(&record(Level::Error, &pairs));
    bridge(&pipeline).log(&record(Level::Error, &[]));
    let received = pipeline.received();
    // Each error leaves at once, so they may overtake each other.
    let mut seen: Vec<_> = received
        .errors
        .iter()
        .map(|error| (error.error_type.as_str(), error.message.as_str()))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("Error", "card declined"),
            ("std::io::error::Error", "card declined")
        ]
    );
    for error in &received.errors {
        assert!(
            error.stacktrace.contains("log_bridge.rs:"),
            "{}",
            error.stacktrace
        );
    }
    assert_eq!(received.logs.len(), 3);
}

#[derive(Clone, Default)]
struct Console {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        self.seen
            .lock()
            .unwrap()
            .push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {
        self.seen.lock().unwrap().push("flushed".into());
    }
}

#[test]
fn records_are_forwarded_each_logger_with_its_own_level() {
    let pipeline = Pipeline::start();
    let console = Console::default();
    let bridge = bridge(&pipeline)
        .level(LevelFilter::Warn)
        .forward_to(console.clone());
    for level in [Level::Error, Level::Info, Level::Trace] {
        bridge.log(&record(level, &[]));
    }
    assert!(bridge.enabled(&Metadata::builder().level(Level::Debug).build()));
    assert!(!bridge.enabled(&Metadata::builder().level(Level::Trace).build()));
    bridge.flush();
    // The flush was a real one.
    assert_eq!(pipeline.server.received().logs.len(), 1);
    assert_eq!(
        *console.seen.lock().unwrap(),
        ["ERROR charged", "INFO charged", "flushed"]
    );
}
