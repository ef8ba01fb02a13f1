//! Whole processes: runtimes, process-wide installation, and every way to end in a panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use highlight_tests::support::SESSION;
use server_mock::{MetricValue, MockServer, Received};

/// What a run left behind.
struct Run {
    received: Received,
    output: Output,
}

impl Run {
    fn of(scenario: &str) -> Run {
        Run::with(scenario, &[])
    }

    fn with(scenario: &str, env: &[(&str, &str)]) -> Run {
        run(Path::new(env!("CARGO_BIN_EXE_subject")), scenario, env)
    }

    fn stdout(&self) -> Vec<&str> {
        str::from_utf8(&self.output.stdout)
            .unwrap()
            .lines()
            .collect()
    }

    #[track_caller]
    fn assert_success(&self) {
        let stderr = String::from_utf8_lossy(&self.output.stderr);
        assert!(self.output.status.success(), "{stderr}");
    }
}

fn run(program: &Path, scenario: &str, env: &[(&str, &str)]) -> Run {
    let server = MockServer::start();
    let output = Command::new(program)
        .arg(scenario)
        .env("HIGHLIGHT_PROJECT_ID", "1jdkoe52")
        .env("HIGHLIGHT_OTLP_ENDPOINT", server.url())
        .env("RUST_BACKTRACE", "0")
        .env_remove("RUST_LOG")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    Run {
        received: server.received(),
        output,
    }
}

fn assert_worked(received: &Received) {
    assert_eq!(
        received
            .logs
            .iter()
            .filter(|log| log.body == "working")
            .count(),
        1,
        "{received}"
    );
    assert_eq!(
        received
            .spans
            .iter()
            .filter(|span| span.name == "work")
            .count(),
        1,
        "{received}"
    );
    assert!(
        received.spans.iter().any(|span| span.name == "global work"),
        "{received}"
    );
    assert_eq!(received.errors.len(), 1, "{received}");
    assert_eq!(received.errors[0].message, "broken");
    let mut metrics: Vec<_> = received
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    metrics.sort_unstable();
    assert_eq!(metrics, ["global.works", "works"]);
}

#[test]
fn it_works_in_every_runtime_and_without_one() {
    for scenario in [
        "no-runtime",
        "tokio-multi-thread",
        "tokio-current-thread",
        "actix",
    ] {
        let run = Run::of(scenario);
        run.assert_success();
        assert_worked(&run.received);
    }
}

#[test]
fn a_second_init_is_an_error_and_the_first_goes_on() {
    let run = Run::of("second-init");
    run.assert_success();
    assert_worked(&run.received);
    let said = run.stdout();
    assert_eq!(said.len(), 2);
    assert!(said[0].contains("already initialised"), "{said:?}");
}

#[test]
fn somebody_else_s_subscriber_is_an_error_that_names_the_way_out() {
    let run = Run::of("foreign-subscriber");
    run.assert_success();
    assert!(
        run.stdout()[0].contains("highlight.layer()"),
        "{:?}",
        run.stdout()
    );
    assert_eq!(run.received.errors.len(), 1);
}

#[test]
fn the_layer_works_in_an_own_registry() {
    let run = Run::of("own-subscriber");
    run.assert_success();
    assert_worked(&run.received);
}

#[test]
fn log_records_arrive_and_a_second_logger_is_an_error() {
    let run = Run::of("logger-installed");
    run.assert_success();
    assert_eq!(run.received.logs[0].body, "through log");
    assert_eq!(run.received.logs[0].attributes["cart"], "c-17");
    assert_eq!(run.received.logs[0].attributes["code.namespace"], "subject");
    assert!(run.stdout()[0].contains("forward_to"), "{:?}", run.stdout());
}

#[test]
fn a_disabled_sdk_does_nothing_and_says_so() {
    let run = Run::with("disabled", &[("OTEL_SDK_DISABLED", "true")]);
    run.assert_success();
    assert_eq!(run.stdout(), ["Ok(()) false", "0"]);
    assert!(run.received.requests.is_empty());
}

#[test]
fn nothing_is_told_about_the_sdk_s_own_sending() {
    let run = Run::of("telemetry-about-telemetry");
    run.assert_success();
    assert_eq!(run.received.logs.len(), 20, "{}", run.received);
    assert!(run.received.logs.iter().all(|log| log.body == "mine"));
}

#[test]
fn a_panic_of_any_payload_is_one_error_with_thread_place_and_stack() {
    let run = Run::of("payloads");
    run.assert_success();
    assert_eq!(run.received.errors.len(), 5, "{}", run.received);
    for (thread, message) in [
        ("thread-literal", "literal text"),
        ("thread-formatted", "formatted 7"),
        ("thread-boxed", "boxed error"),
        ("thread-number", "404 (u16)"),
        ("thread-own", "Box<dyn Any> (TypeId("),
    ] {
        let named = format!("\"{thread}\"");
        let error = run
            .received
            .errors
            .iter()
            .find(|error| error.payload.contains(&named));
        let error = error.unwrap_or_else(|| panic!("{thread}\n{}", run.received));
        assert_eq!(error.error_type, "panic");
        assert!(error.message.starts_with(message), "{}", error.message);
        assert!(
            error.payload.contains("\"code.line.number\""),
            "{}",
            error.payload
        );
        let innermost = error.stacktrace.lines().nth(3).unwrap_or_default();
        assert!(
            innermost.contains("tests/src/bin/subject.rs:"),
            "{}",
            error.stacktrace
        );
    }
}

#[test]
fn a_panic_that_ends_main_is_sent_by_the_guard() {
    let run = Run::of("panic-in-main");
    assert_eq!(run.output.status.code(), Some(101));
    assert_eq!(run.received.errors[0].message, "main is over");
    assert!(run.received.logs.iter().any(|log| log.body == "before"));
    let stderr = String::from_utf8_lossy(&run.output.stderr);
    assert!(
        stderr.contains("main is over"),
        "the standard hook still ran"
    );
}

#[test]
fn a_panic_in_a_task_has_its_span_and_session_and_chains_the_hook() {
    let run = Run::of("panic-in-task");
    run.assert_success();
    assert_eq!(run.stdout(), ["the earlier hook ran", "true"]);
    let [error] = &run.received.errors[..] else {
        panic!("one error expected\n{}", run.received)
    };
    assert_eq!(error.secure_session_id, SESSION);
    let job = run
        .received
        .spans
        .iter()
        .find(|span| span.name == "job")
        .unwrap();
    let report = run
        .received
        .spans
        .iter()
        .find(|span| span.name == "highlight.error")
        .unwrap();
    assert_eq!(report.parent_span_id, job.span_id);
    assert_eq!(error.span_id, report.span_id);
}

#[test]
fn a_panic_while_panicking_ends_the_process_with_both_told() {
    let run = Run::of("panic-while-panicking");
    assert_eq!(run.output.status.code(), None, "it was aborted");
    let messages: Vec<_> = run
        .received
        .errors
        .iter()
        .map(|error| error.message.as_str())
        .collect();
    for message in ["first the work", "and then the cleanup"] {
        assert!(messages.contains(&message), "{messages:?}");
    }
}

#[test]
fn a_payload_whose_text_panics_does_not_end_the_process() {
    let run = Run::of("panic-payload-that-panics");
    run.assert_success();
    assert_eq!(run.stdout(), ["survived true"]);
    let messages: Vec<_> = run
        .received
        .errors
        .iter()
        .map(|error| error.message.as_str())
        .collect();
    assert!(
        messages
            .iter()
            .any(|message| message.contains("formatting panicked")),
        "{messages:?}"
    );
}

#[test]
fn after_a_shutdown_it_can_be_initialised_again() {
    let run = Run::of("init-again");
    run.assert_success();
    assert_eq!(run.stdout(), ["done"]);
    for round in ["first", "second", "third"] {
        let logs = run.received.logs.iter().filter(|log| log.body == round);
        let logs: Vec<_> = logs.filter(|log| log.service_name == round).collect();
        // The event, and the row of the captured error.
        assert_eq!(logs.len(), 2, "{}", run.received);
        let panic = format!("panic {round}");
        for message in [round, &panic] {
            let errors = run.received.errors.iter();
            let errors = errors.filter(|error| error.message == message);
            assert_eq!(errors.count(), 1, "{message}\n{}", run.received);
        }
    }
    let spans = run.received.spans.iter().filter(|span| span.name == "span");
    assert_eq!(spans.count(), 3);
    assert!(run.received.logs.iter().all(|log| log.body != "between"));
    let counted = run.received.metrics.iter().map(|metric| {
        assert!(matches!(metric.value, MetricValue::Sum { value: 5.0, .. }));
        metric.service_name.as_str()
    });
    assert_eq!(counted.collect::<Vec<_>>(), ["first", "second", "third"]);
}

#[test]
fn a_hook_that_logs_and_reports_is_heard_and_harmless() {
    let run = Run::of("hook-that-logs");
    run.assert_success();
    assert_eq!(run.stdout(), ["survived true"]);
    let messages: Vec<_> = run
        .received
        .errors
        .iter()
        .map(|error| &error.message)
        .collect();
    assert!(
        messages.iter().any(|message| *message == "the work"),
        "{messages:?}"
    );
    assert!(
        messages
            .iter()
            .any(|message| *message == "also from the hook"),
        "{messages:?}"
    );
    assert!(
        run.received
            .logs
            .iter()
            .any(|log| log.body == "from the hook")
    );
}

#[test]
fn dropping_is_told_when_it_starts_and_summed_up_at_the_end() {
    let run = Run::of("overflow");
    run.assert_success();
    let said = run.stdout()[0].split(' ').next().unwrap().to_owned();
    let dropped: u64 = said.parse().unwrap();
    assert!(dropped > 500, "{said}");
    let stderr = String::from_utf8_lossy(&run.output.stderr);
    let told = |text: &str| stderr.matches(text).count();
    assert_eq!(
        told("a record was dropped (Logs: BufferFull)"),
        1,
        "{stderr}"
    );
    // What the budget could hold is lost to the shutdown, and counted with the rest.
    let at_the_end = format!(
        "0 records sent, 1000 dropped ({dropped} Logs BufferFull, {} Logs Shutdown)",
        1_000 - dropped
    );
    assert_eq!(told(&at_the_end), 1, "{stderr}");
}

#[test]
fn a_panic_with_a_huge_message_is_sent_cut() {
    let run = Run::of("heavy-panic");
    run.assert_success();
    assert_eq!(run.stdout(), ["survived true"]);
    let [error] = &run.received.errors[..] else {
        panic!("one error expected\n{}", run.received)
    };
    assert!(error.message.starts_with("many words many"));
    assert!(error.message.len() < 20_000, "{}", error.message.len());
}

#[test]
fn a_panic_is_sent_although_panics_abort() {
    // `panic = "abort"` is a property of a build: this one is made here.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "highlight-tests"])
        .args(["--bin", "subject", "--profile", "abort"])
        .current_dir(workspace)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .unwrap();
    assert!(built.success());
    let run = run(
        &workspace.join("target/abort/subject"),
        "panic-in-main",
        &[],
    );
    assert_eq!(run.output.status.code(), None, "it was aborted");
    assert_eq!(run.received.errors[0].message, "main is over");
    assert!(
        run.received.logs.iter().any(|log| log.body == "before"),
        "all that was queued"
    );
}
