//! Errors: captured ones, and those told of by events.

use std::error::Error;
use std::fmt;

use highlight::{ErrorReport, StackFormat};
use highlight_tests::support::Pipeline;
use server_mock::{ErrorRow, Received};

#[derive(Debug)]
struct PaymentFailed(std::num::ParseIntError);

impl fmt::Display for PaymentFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("payment failed")
    }
}

impl Error for PaymentFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn payment_failed() -> PaymentFailed {
    PaymentFailed("x".parse::<i32>().unwrap_err())
}

fn only_error(received: &Received) -> &ErrorRow {
    let [error] = &received.errors[..] else {
        panic!("one error expected\n{received}")
    };
    error
}

/// The innermost frame's function and the file it is in.
fn first_frame(error: &ErrorRow) -> (String, String) {
    let frames: serde_json::Value = serde_json::from_str(&error.frames).unwrap();
    let text = |key: &str| frames[0][key].as_str().unwrap_or_default().to_owned();
    (text("functionName"), text("fileName"))
}

#[test]
fn a_captured_error_has_type_message_causes_and_the_stack_of_the_call() {
    let pipeline = Pipeline::start();
    pipeline.highlight.capture_error(&payment_failed());
    let line = line!() - 1;
    let received = pipeline.received();
    let error = only_error(&received);
    assert_eq!(error.error_type, "it::errors::PaymentFailed");
    assert_eq!(error.message, "payment failed");
    let mut lines = error.stacktrace.lines();
    assert_eq!(lines.next(), Some(""));
    assert_eq!(lines.next(), Some("payment failed"));
    let function = lines.next().unwrap();
    assert!(
        function.ends_with("a_captured_error_has_type_message_causes_and_the_stack_of_the_call")
    );
    let place = format!("\ttests/tests/it/errors.rs:{line}");
    assert!(
        lines.next().unwrap().ends_with(place.trim_start()),
        "{}",
        error.stacktrace
    );
    assert!(
        error
            .stacktrace
            .contains("Caused by: invalid digit found in string")
    );
    let log = &received.logs[0];
    assert_eq!(log.attributes["code.line.number"], line.to_string());
    assert!(log.attributes["code.file.path"].ends_with("tests/tests/it/errors.rs"));
    assert!(
        error.payload.contains("invalid digit found in string"),
        "{}",
        error.payload
    );
}

#[test]
fn a_captured_error_is_one_span_below_the_current_one_and_one_error() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::info_span!("charge").in_scope(|| {
        pipeline.highlight.capture_error(&payment_failed());
    });
    let received = pipeline.received();
    let span = |name: &str| {
        received
            .spans
            .iter()
            .find(|span| span.name == name)
            .unwrap()
    };
    let (charge, report) = (span("charge"), span("highlight.error"));
    assert_eq!(report.parent_span_id, charge.span_id);
    assert_eq!(report.trace_id, charge.trace_id);
    assert!(report.has_errors);
    assert_eq!(received.spans.len(), 2);
    assert_eq!(only_error(&received).span_id, report.span_id);
    // The server makes the error's log row; we send none.
    assert_eq!(received.logs.len(), 1);
    assert!(received.raw_logs.is_empty());
}

#[test]
fn a_dyn_error_and_a_report_made_before_are_captured_too() {
    let pipeline = Pipeline::start();
    let boxed: Box<dyn Error + Send + Sync> = Box::new(payment_failed());
    pipeline.highlight.capture_error(&*boxed);
    let report = ErrorReport::new(&payment_failed());
    std::thread::spawn({
        let highlight = pipeline.highlight.handle();
        move || highlight.capture(report)
    })
    .join()
    .unwrap();
    let received = pipeline.received();
    let mut types: Vec<_> = received
        .errors
        .iter()
        .map(|error| error.error_type.as_str())
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["PaymentFailed", "it::errors::PaymentFailed"]);
}

#[test]
fn an_error_event_with_a_typed_error_field_is_one_error_and_one_log() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let failure = payment_failed();
    let failure: &dyn Error = &failure;
    tracing::error!(error = failure, cart = "c-17", "could not charge");
    let line = line!() - 1;
    let received = pipeline.received();
    let error = only_error(&received);
    assert_eq!(error.error_type, "PaymentFailed");
    assert_eq!(error.message, "payment failed");
    let place = format!("tests/tests/it/errors.rs:{line}\n");
    assert!(error.stacktrace.contains(&place), "{}", error.stacktrace);
    let (function, file) = first_frame(error);
    assert!(
        function.contains("an_error_event_with_a_typed_error_field"),
        "{function}"
    );
    assert!(file.ends_with("tests/it/errors.rs"));
    assert_eq!(received.logs.len(), 1);
    assert_eq!(received.logs[0].body, "could not charge");
    assert_eq!(received.logs[0].attributes["cart"], "c-17");
    assert!(received.spans.is_empty(), "{received}");
}

#[test]
fn an_error_event_with_only_text_is_an_error_too() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let failure = payment_failed();
    tracing::error!(error = %failure, "could not charge");
    tracing::error!(err = ?failure, "could not charge");
    tracing::error!(error = %failure);
    let received = pipeline.received();
    let mut types: Vec<_> = received
        .errors
        .iter()
        .map(|error| error.error_type.as_str())
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["Error", "Error", "PaymentFailed"]);
    let without_message = received
        .logs
        .iter()
        .filter(|log| log.body == "payment failed");
    assert_eq!(without_message.count(), 1);
}

#[test]
fn a_warning_with_an_error_field_is_a_log_and_no_error() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    tracing::warn!(error = &payment_failed() as &dyn Error, "will retry");
    let received = pipeline.received();
    assert!(received.errors.is_empty(), "{received}");
    assert_eq!(received.logs[0].attributes["error"], "payment failed");
}

#[test]
fn an_instrumented_function_that_returns_an_error_is_one_error() {
    #[tracing::instrument(err)]
    fn charge() -> Result<(), PaymentFailed> {
        Err(payment_failed())
    }
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    charge().unwrap_err();
    let received = pipeline.received();
    assert_eq!(only_error(&received).message, "payment failed");
    assert_eq!(received.spans[0].name, "charge");
    assert_eq!(received.errors[0].span_id, received.spans[0].span_id);
}

#[test]
fn source_lines_around_in_app_frames_are_sent_when_asked_for() {
    let pipeline = Pipeline::with(|config| config.source_context(true));
    // The test runs in its package's folder, while the debug information counts from the workspace's.
    let here = std::env::current_dir().unwrap();
    assert!(here.ends_with("tests"));
    pipeline.highlight.capture_error(&payment_failed());
    let received = pipeline.received();
    let frames: serde_json::Value = serde_json::from_str(&only_error(&received).frames).unwrap();
    assert_eq!(frames[0]["error"], "payment failed");
    assert_eq!(frames[0]["inApp"], true);
}

#[test]
fn the_native_stack_format_looks_like_the_standard_library_s() {
    let pipeline = Pipeline::with(|config| config.stack_format(StackFormat::Native));
    pipeline.highlight.capture_error(&payment_failed());
    let received = pipeline.received();
    let stack = &only_error(&received).stacktrace;
    assert!(stack.starts_with("payment failed"), "{stack}");
    assert!(
        stack.contains("\n   0: ") && stack.contains("\n             at "),
        "{stack}"
    );
}

#[test]
fn errors_leave_at_once() {
    let hour = std::time::Duration::from_hours(1);
    let pipeline = Pipeline::with(|config| config.batch_delay(hour));
    pipeline.highlight.capture_error(&payment_failed());
    // Without a flush.
    pipeline
        .server
        .wait_for_blocking(|received| received.errors.len() == 1);
}
