//! Scenarios of the `subject` program that end badly: killed, forked, panicking in a hook.
#![expect(
    clippy::print_stdout,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "the output is what the test reads, and a scenario that fails ends its process"
)]

use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use highlight::{Config, DropReason, Highlight, Severity, Signal};
use server_mock::{Clickhouse, MockServer};

use crate::support::free_address;

type Outcome = Result<(), Box<dyn Error>>;

fn say(highlight: &Highlight, text: &str) {
    highlight.log(Severity::Info, |record| {
        record.body(text);
    });
}

/// Prints a line that is there at once.
fn tell(line: &str) -> Outcome {
    println!("{line}");
    Ok(std::io::stdout().flush()?)
}

/// Has 5,000 records on disk, says so and waits to be killed.
pub fn spool_and_wait() -> Outcome {
    let highlight = Config::from_env().init()?;
    for at in 0..5_000 {
        say(&highlight, &format!("record {at}"));
    }
    highlight.flush()?;
    tell(&format!("{} on disk", highlight.stats().spooled_total()))?;
    loop {
        std::thread::park();
    }
}

/// Writes to disk until it is killed.
pub fn spool_without_end() -> Outcome {
    let highlight = Config::from_env().init()?;
    for at in 0.. {
        say(
            &highlight,
            &format!("record {at} {}", "x".repeat(at % 5_000)),
        );
        if at % 100 == 0 {
            highlight.flush()?;
        }
        if at == 500 {
            tell("writing")?;
        }
    }
    Ok(())
}

/// Forks while other threads are in the middle of recording. The children record, flush and shut down too.
pub fn fork() -> Outcome {
    static DONE: AtomicBool = AtomicBool::new(false);
    let highlight = Config::from_env().init()?;
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let highlight = highlight.handle();
            std::thread::spawn(move || {
                while !DONE.load(Ordering::Relaxed) {
                    say(&highlight, "parent meanwhile");
                    std::thread::sleep(Duration::from_micros(20));
                }
            })
        })
        .collect();
    let mut children = 0;
    for _ in 0..20 {
        say(&highlight, "parent before");
        if in_child(|| {
            for _ in 0..200 {
                say(&highlight, "child");
            }
            highlight.capture_error(&std::io::Error::other("child"));
            let started = Instant::now();
            let stopped = highlight.flush().is_err() && highlight.shutdown().is_err();
            stopped && started.elapsed() < Duration::from_secs(1)
        })? {
            children += 1;
        }
    }
    DONE.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    say(&highlight, "parent after");
    highlight.flush()?;
    tell(&format!("children {children}"))
}

/// Runs `work` in a forked child; true when it ended in time and said so itself.
#[expect(unsafe_code, reason = "there is no other way to fork")]
fn in_child(work: impl FnOnce() -> bool) -> Result<bool, Box<dyn Error>> {
    // SAFETY: the child runs `work` and ends at once, without unwinding or destructors. That other threads held locks is what
    // is being tried.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = i32::from(!work());
        // SAFETY: ends the process; nothing is used after it.
        unsafe { libc::_exit(code) }
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let mut status = 0;
        // SAFETY: `status` is a valid place for the answer.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            0 => {
                // SAFETY: the child is ours and has not been waited for.
                unsafe { libc::kill(child, libc::SIGKILL) };
                return Err("a child hangs".into());
            }
            -1 => return Err(std::io::Error::last_os_error().into()),
            _ => return Ok(status == 0),
        }
    }
}

/// Says more than a small budget can hold, with nobody to send it to.
pub fn overflow() -> Outcome {
    let highlight = Config::from_env()
        .endpoint(format!("http://{}", free_address()))
        .byte_budget(64 * 1024)
        .shutdown_timeout(Duration::from_millis(500))
        .init()?;
    for at in 0..1_000 {
        say(&highlight, &format!("record {at} {}", "x".repeat(1_000)));
    }
    let stats = highlight.stats();
    let dropped = stats.dropped(Signal::Logs, DropReason::BufferFull);
    tell(&format!("{dropped} of 1000 dropped"))
}

/// The application's own panic hook logs and reports errors.
pub fn hook_that_logs() -> Outcome {
    std::panic::set_hook(Box::new(|info| {
        tracing::error!(panic = %info, "from the hook");
        highlight::capture_error(&std::io::Error::other("also from the hook"));
    }));
    let _highlight = Config::from_env().init()?;
    let ended = std::thread::spawn(|| panic!("the work")).join();
    tell(&format!("survived {}", ended.is_err()))
}

/// A panic while a lot of memory is in use, with a message that is itself large.
pub fn heavy_panic() -> Outcome {
    let _highlight = Config::from_env().init()?;
    let ended = std::thread::spawn(|| {
        let _ballast: Vec<Vec<u8>> = (0..2_000).map(|at| vec![1; at * 10]).collect();
        let message = "many words ".repeat(1_000_000);
        panic!("{message}");
    })
    .join();
    tell(&format!("survived {}", ended.is_err()))
}

/// Initialises, shuts down, and initialises again.
pub fn init_again() -> Outcome {
    let rounds = highlight::counter("rounds");
    for round in ["first", "second", "third"] {
        let highlight = Config::from_env().service_name(round).init()?;
        tracing::info_span!("span", round).in_scope(|| tracing::info!("{round}"));
        for _ in 0..5 {
            rounds.incr(&[]);
        }
        highlight::capture_error(&std::io::Error::other(round));
        let panicked = std::thread::spawn(move || panic!("panic {round}")).join();
        if panicked.is_ok() || Config::from_env().init().is_ok() {
            return Err("there are two at once".into());
        }
        highlight.flush()?;
        drop(highlight);
        tracing::info!("between");
        rounds.incr(&[]);
    }
    tell("done")
}

/// The ingest server with ClickHouse behind it: says where SQL is answered, and waits to be killed.
pub fn ingest() -> Outcome {
    let clickhouse = Clickhouse::Embedded {
        data_dir: std::env::var_os("INGEST_DATA").ok_or("no folder")?.into(),
        database: "ingest".to_owned(),
    };
    let server = MockServer::builder()
        .address(std::env::var("INGEST_ADDRESS")?)
        .clickhouse(clickhouse)
        .sql("127.0.0.1:0")
        .keep_received(false)
        .start()?;
    tell(&format!("http://{}", server.sql_address().ok_or("no SQL")?))?;
    loop {
        std::thread::park();
    }
}
