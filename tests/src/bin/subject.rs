//! A program with the SDK in it, for the scenarios that take a whole process: `subject SCENARIO`, the endpoint from the environment.
//!
//! It prints what it found, one line each; `tests/processes.rs` runs it and looks at that and at what arrives.
#![expect(clippy::print_stdout, reason = "the output is what the test reads")]

use std::error::Error;
use std::panic::panic_any;

use highlight::otel::opentelemetry::metrics::MeterProvider as _;
use highlight::otel::opentelemetry::trace::Tracer as _;
use highlight::{Config, Session, with_session};
use highlight_tests::scenarios;
use highlight_tests::support::SESSION;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    match scenario.as_str() {
        "no-runtime" => {
            let _highlight = Config::from_env().init()?;
            work();
            Ok(())
        }
        "tokio-multi-thread" => on(&mut tokio::runtime::Builder::new_multi_thread()),
        "tokio-current-thread" => on(&mut tokio::runtime::Builder::new_current_thread()),
        "actix" => actix_rt::System::new().block_on(inside()),
        "second-init" => second_init(),
        "foreign-subscriber" => foreign_subscriber(),
        "own-subscriber" => own_subscriber(),
        "logger-installed" => logger_installed(),
        "disabled" => disabled(),
        "telemetry-about-telemetry" => telemetry_about_telemetry(),
        "payloads" => payloads(),
        "panic-in-main" => panic_in_main(),
        "panic-in-task" => panic_in_task(),
        "panic-while-panicking" => panic_while_panicking(),
        "panic-payload-that-panics" => panic_payload_that_panics(),
        "spool-and-wait" => scenarios::spool_and_wait(),
        "spool-without-end" => scenarios::spool_without_end(),
        "fork" => scenarios::fork(),
        "hook-that-logs" => scenarios::hook_that_logs(),
        "heavy-panic" => scenarios::heavy_panic(),
        "overflow" => scenarios::overflow(),
        "ingest" => scenarios::ingest(),
        "init-again" => scenarios::init_again(),
        #[cfg(target_os = "linux")]
        "full-disk" => highlight_tests::surroundings::full_disk(),
        #[cfg(target_os = "linux")]
        "read-only-disk" => highlight_tests::surroundings::read_only_disk(),
        #[cfg(target_os = "linux")]
        "slow-name" => highlight_tests::surroundings::slow_name(),
        other => Err(format!("there is no scenario {other:?}").into()),
    }
}

/// One of each kind of record.
fn work() {
    tracing::info_span!("work").in_scope(|| tracing::info!("working"));
    highlight::capture_error(&std::io::Error::other("broken"));
    highlight::record_incr("works", &[]);
    let meter = highlight::otel::opentelemetry::global::meter("global");
    meter.u64_counter("global.works").build().add(1, &[]);
    // As a library does that is instrumented with OpenTelemetry.
    let tracer = highlight::otel::opentelemetry::global::tracer("global");
    drop(tracer.start("global work"));
}

async fn inside() -> Outcome {
    let _highlight = Config::from_env().init()?;
    tokio::task::yield_now().await;
    work();
    Ok(())
}

fn on(runtime: &mut tokio::runtime::Builder) -> Outcome {
    runtime.build()?.block_on(inside())
}

fn second_init() -> Outcome {
    let _highlight = Config::from_env().init()?;
    for _ in 0..2 {
        if let Err(error) = Config::from_env().init() {
            println!("{error}");
        }
    }
    // The first one goes on working.
    work();
    Ok(())
}

fn foreign_subscriber() -> Outcome {
    tracing_subscriber::registry().init();
    if let Err(error) = Config::from_env().init() {
        println!("{error}");
    }
    // The way out that the message names, though the subscriber itself cannot be replaced any more.
    let _highlight = Config::from_env().own_subscriber().init()?;
    highlight::capture_error(&std::io::Error::other("broken"));
    Ok(())
}

fn own_subscriber() -> Outcome {
    let highlight = Config::from_env().own_subscriber().init()?;
    tracing_subscriber::registry()
        .with(highlight.layer())
        .init();
    work();
    Ok(())
}

fn logger_installed() -> Outcome {
    let _highlight = Config::from_env().init()?;
    highlight_log::Bridge::new().install()?;
    log::info!(cart = "c-17"; "through log");
    if let Err(error) = highlight_log::Bridge::new().install() {
        println!("{error}");
    }
    Ok(())
}

fn disabled() -> Outcome {
    let highlight = Config::from_env().init()?;
    work();
    let meter = highlight.meter_provider().meter("disabled");
    meter.u64_counter("works").build().add(1, &[]);
    println!("{:?} {}", highlight.flush(), highlight.is_enabled());
    println!("{}", highlight.stats().dropped_total());
    Ok(())
}

/// With everything captured, nothing of the SDK's own sending may be.
fn telemetry_about_telemetry() -> Outcome {
    let highlight = Config::from_env().filter("trace").init()?;
    for _ in 0..20 {
        tracing::info!("mine");
        highlight::record_incr("mine", &[]);
        highlight.flush()?;
    }
    Ok(())
}

fn payloads() -> Outcome {
    struct Own;
    let _highlight = Config::from_env().init()?;
    let boxed: Box<dyn Error + Send + Sync> = "boxed error".into();
    on_thread("literal", || panic!("literal text"))?;
    on_thread("formatted", || panic!("formatted {}", 7))?;
    on_thread("boxed", move || panic_any(boxed))?;
    on_thread("number", || panic_any(404_u16))?;
    on_thread("own", || panic_any(Own))
}

fn on_thread(name: &str, panicking: impl FnOnce() + Send + 'static) -> Outcome {
    let thread = std::thread::Builder::new().name(format!("thread-{name}"));
    let ended = thread.spawn(panicking)?.join();
    println!("{name} {}", ended.is_err());
    Ok(())
}

fn panic_in_main() -> Outcome {
    let _highlight = Config::from_env().init()?;
    tracing::info!("before");
    panic!("main is over");
}

fn panic_in_task() -> Outcome {
    std::panic::set_hook(Box::new(|_| println!("the earlier hook ran")));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let _highlight = Config::from_env().init()?;
    let session = Session::new(SESSION).ok_or("no session")?;
    let job = async { panic!("job failed") };
    let spawn = async { tokio::spawn(job.instrument(tracing::info_span!("job"))).await };
    let ended: Result<(), _> = runtime.block_on(with_session(session, spawn));
    println!("{}", ended.is_err());
    Ok(())
}

/// The second panic ends the process: nothing is dropped, the guard neither.
fn panic_while_panicking() -> Outcome {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("and then the cleanup");
        }
    }
    let _highlight = Config::from_env().init()?;
    let _bomb = Bomb;
    panic!("first the work");
}

/// Its text is asked for inside the hook, where a panic would end the process.
fn panic_payload_that_panics() -> Outcome {
    #[derive(Debug)]
    struct Hostile;
    impl std::fmt::Display for Hostile {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text for you")
        }
    }
    impl Error for Hostile {}
    let _highlight = Config::from_env().init()?;
    let payload: Box<dyn Error + Send + Sync> = Box::new(Hostile);
    let ended = std::thread::spawn(move || panic_any(payload)).join();
    println!("survived {}", ended.is_err());
    Ok(())
}
