//! Scenarios of the `subject` program in surroundings that it makes itself: a disk that is full, names that resolve slowly.
//!
//! Where the system does not let it, it prints `skipped because …` and nothing else.
#![expect(
    clippy::print_stdout,
    clippy::missing_errors_doc,
    reason = "the output is what the test reads"
)]

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use highlight::{Config, FlushError, Guard, Severity, Signal};
use server_mock::MockServer;

use crate::namespaces::{disk, instead, leave};
use crate::support::{eventually, extended, noise};

type Outcome = Result<(), Box<dyn Error>>;

/// Prints a line that is there at once.
fn tell(line: &str) -> Outcome {
    println!("{line}");
    Ok(stdout().flush()?)
}

/// Waits for the test to do its part.
fn wait_for_test() -> Outcome {
    stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Records of a kilobyte that does not compress, numbered from `first` on.
fn say(highlight: &Guard, first: u64, records: u64) {
    let mut seed = first + 1;
    for at in first..first + records {
        let noise = noise(1_000, &mut seed);
        highlight.log(Severity::Info, |record| {
            record.body(&format_args!("record {at} {noise}"));
        });
    }
}

/// The spool's disk fills while the endpoint is down; then there is room on it again; then the endpoint is up.
pub fn full_disk() -> Outcome {
    let Some(spool) = own_disk(false)? else {
        return Ok(());
    };
    // Short, so that a flush that cannot settle everything says so soon.
    let config = || Config::from_env().batch_delay(Duration::from_millis(10));
    let highlight = config()
        .shutdown_timeout(Duration::from_millis(500))
        .init()?;
    let mut said = 0;
    while said < 1_000 {
        say(&highlight, said, 20);
        said += 20;
        if highlight.flush().is_err() {
            break;
        }
    }
    // These can go nowhere but into memory.
    say(&highlight, said, 200);
    said += 200;
    let stats = highlight.stats();
    let (spooled, queued) = (stats.spooled_total(), stats.queued(Signal::Logs));
    let all = (spooled + queued, stats.dropped_total()) == (said, 0);
    let both = spooled > 0 && queued >= 200;
    tell(&format!(
        "all {all}, some on disk and some in memory {both}: {stats:?}"
    ))?;
    if extended(true, false) {
        disk(&spool, "64m", false, true)?;
        // The disk is left alone for half a minute after it has failed.
        eventually("what is in memory goes to disk", || {
            let _ = highlight.flush();
            highlight.stats().spooled_total() == said
        });
        tell("on disk")?;
    }
    settle(&highlight, said)
}

/// The spool's disk can only be read.
pub fn read_only_disk() -> Outcome {
    let Some(_spool) = own_disk(true)? else {
        return Ok(());
    };
    let highlight = Config::from_env()
        .batch_delay(Duration::from_millis(10))
        .init()?;
    say(&highlight, 0, 200);
    eventually("an attempt has failed", || {
        highlight.stats().queued_bytes() > 0
    });
    let stats = highlight.stats();
    let (spooled, queued) = (stats.spooled_total(), stats.queued(Signal::Logs));
    let all = (spooled, queued, stats.dropped_total()) == (0, 200, 0);
    tell(&format!("all {all}: {stats:?}"))?;
    settle(&highlight, 200)
}

/// Waits for the test to start the endpoint, and for everything to get there.
fn settle(highlight: &Guard, said: u64) -> Outcome {
    wait_for_test()?;
    eventually("all is sent", || {
        let _ = highlight.flush();
        highlight.stats().sent(Signal::Logs) == said
    });
    let stats = highlight.stats();
    let kept = (stats.dropped_total(), stats.spooled_total()) == (0, 0);
    tell(&format!("sent {said}, nothing lost {kept}"))
}

/// The spool directory as a disk of 256 KiB; none where the system does not let us.
fn own_disk(read_only: bool) -> Result<Option<PathBuf>, Box<dyn Error>> {
    let spool = std::env::var_os("HIGHLIGHT_SPOOL_DIR").ok_or("no spool directory")?;
    let spool = PathBuf::from(spool);
    let made = leave(false).and_then(|()| disk(&spool, "256k", read_only, false));
    Ok(match made {
        Ok(()) => Some(spool),
        Err(error) => {
            tell(&format!("skipped because no disk can be mounted: {error}"))?;
            None
        }
    })
}

/// The name server that answers after `delay`.
fn name_server(delay: Duration) -> std::io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:53")?;
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let answer = answer(&query[..length]);
            let Ok(socket) = socket.try_clone() else {
                return;
            };
            std::thread::spawn(move || {
                std::thread::sleep(delay);
                let _ = socket.send_to(&answer, from);
            });
        }
    });
    Ok(())
}

/// `127.0.0.1` for whoever asks for an address of the old kind, and nothing for others.
fn answer(query: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    let name = query[HEADER..].iter().position(|byte| *byte == 0);
    let end = (HEADER + name.unwrap_or(0) + 1 + 4).min(query.len());
    let is_address = query[..end].ends_with(&[0, 1, 0, 1]);
    let mut answer = query[..end].to_vec();
    // An answer, with recursion; one question, perhaps one record.
    answer[2..HEADER].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    if is_address {
        // The question's name, an address, for a second.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

/// The endpoint's name resolves after two seconds: within the time for an exchange, and long after that for a flush.
pub fn slow_name() -> Outcome {
    let made = leave(true).and_then(|()| own_names(Duration::from_secs(2)));
    if let Err(error) = made {
        return tell(&format!(
            "skipped because there can be no own name server: {error}"
        ));
    }
    let server = MockServer::start();
    let port = server.url().rsplit_once(':').ok_or("no port")?.1.to_owned();
    let start = |timeout| {
        Config::new("1")
            .endpoint(format!("http://telemetry.test:{port}"))
            .batch_delay(Duration::from_millis(10))
            .shutdown_timeout(timeout)
            .start()
    };
    let timeout = Duration::from_millis(500);
    let started = Instant::now();
    let highlight = start(timeout)?;
    took("start", started, Duration::from_millis(50))?;
    say(&highlight, 0, 1);
    let started = Instant::now();
    let flushed = highlight.flush();
    took("flush", started, timeout)?;
    tell(&format!(
        "flush times out {}",
        flushed == Err(FlushError::TimedOut { after: timeout })
    ))?;
    let started = Instant::now();
    let stopped = highlight.shutdown();
    took("shutdown", started, timeout)?;
    let counts = stopped == Err(FlushError::Lost { records: 1 });
    tell(&format!("shutdown counts {counts}: {stopped:?}"))?;

    let highlight = start(timeout)?;
    say(&highlight, 0, 1);
    let started = Instant::now();
    drop(highlight);
    took("drop", started, timeout)?;

    // With the time that it takes, all arrives.
    let highlight = start(Duration::from_secs(20))?;
    say(&highlight, 0, 10);
    tell(&format!(
        "arrived {}",
        highlight.flush().is_ok() && server.received().logs.len() == 10
    ))?;

    // The process ends while a name is being looked up.
    let highlight = start(timeout)?;
    say(&highlight, 0, 1);
    let _ = highlight.flush();
    tell("leaving")
}

/// Says whether something kept its time, with a tenth of a second for a busy machine.
fn took(what: &str, started: Instant, most: Duration) -> Outcome {
    let took = started.elapsed();
    let kept = took < most + Duration::from_millis(100);
    tell(&format!("{what} in time {kept}: {took:?}"))
}

/// Names are asked of a server of our own, with no other file or service before it.
fn own_names(delay: Duration) -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    for (path, text) in [
        (
            "/etc/resolv.conf",
            "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n",
        ),
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
    ] {
        let file = folder.path().join("file");
        std::fs::write(&file, text)?;
        instead(Path::new(path), &file)?;
        std::fs::remove_file(&file)?;
    }
    name_server(delay)
}
