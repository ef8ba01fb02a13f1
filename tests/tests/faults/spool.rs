//! What memory or the network cannot take is on disk, survives the process, and is sent later.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use highlight::{Config, DropReason, Guard, Severity, Signal};
use highlight_tests::support::{
    config, eventually, extended, free_address, noise, records_by_request_id,
};
use server_mock::{Answer, MockServer, Received};
use tempfile::TempDir;

fn say(highlight: &highlight::Highlight, records: std::ops::Range<usize>) {
    for at in records {
        highlight.log(Severity::Info, |record| {
            record.body(&format_args!("record {at}"));
        });
    }
}

/// An SDK whose endpoint is down.
fn without_endpoint(spool: &Path, set: impl FnOnce(Config) -> Config) -> Guard {
    let config = Config::new("1")
        .endpoint(format!("http://{}", free_address()))
        .batch_delay(Duration::from_millis(10))
        .spool_dir(spool);
    set(config).start().unwrap()
}

/// A later process with the same directory, whose endpoint is up.
fn next_start(spool: &Path) -> (MockServer, Guard) {
    let server = MockServer::start();
    let highlight = config(&server).spool_dir(spool).start().unwrap();
    (server, highlight)
}

fn distinct(received: &Received) -> usize {
    let bodies = received.logs.iter().map(|log| log.body.as_str());
    bodies.collect::<std::collections::HashSet<_>>().len()
}

/// All files of requests below a directory.
fn files(spool: &Path) -> Vec<PathBuf> {
    let homes = fs::read_dir(spool)
        .unwrap()
        .map(|home| home.unwrap().path());
    let homes = homes.filter(|home| home.to_string_lossy().contains("process-"));
    let files = homes.flat_map(|home| fs::read_dir(home).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "otlp"))
        .collect();
    found.sort();
    found
}

#[test]
fn what_cannot_be_sent_waits_on_disk_and_leaves_when_the_endpoint_answers() {
    let spool = TempDir::new().unwrap();
    let address = free_address();
    let highlight = Config::new("1")
        .endpoint(format!("http://{address}"))
        .batch_delay(Duration::from_millis(10))
        .spool_dir(spool.path())
        .start()
        .unwrap();
    say(&highlight, 0..1_000);
    highlight.flush().unwrap();
    let stats = highlight.stats();
    assert_eq!(
        (stats.spooled(Signal::Logs), stats.queued(Signal::Logs)),
        (1_000, 0)
    );
    assert_eq!(stats.queued_bytes(), 0);
    assert!(!files(spool.path()).is_empty());

    let server = MockServer::builder()
        .address(address.to_string())
        .start()
        .unwrap();
    say(&highlight, 1_000..1_001);
    highlight.flush().unwrap();
    eventually("all is sent", || {
        highlight.stats().sent(Signal::Logs) == 1_001
    });
    assert_eq!(distinct(&server.received()), 1_001);
    assert_eq!(highlight.stats().spooled_total(), 0);
    drop(highlight);
    assert_eq!(
        fs::read_dir(spool.path()).unwrap().count(),
        0,
        "nothing is left"
    );
}

#[test]
fn a_shutdown_loses_nothing_and_the_next_start_sends_it() {
    let spool = TempDir::new().unwrap();
    // Takes connections and never answers: no attempt ever fails.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let timeout = Duration::from_secs(1);
    let highlight = without_endpoint(spool.path(), |config| {
        let silent = silent.local_addr().unwrap();
        config
            .endpoint(format!("http://{silent}"))
            .shutdown_timeout(timeout)
    });
    let records = extended(1_000_000, 50_000);
    say(&highlight, 0..records);
    highlight.capture_error(&std::io::Error::other("the last one"));
    let started = Instant::now();
    assert_eq!(highlight.shutdown(), Ok(()));
    assert!(started.elapsed() < timeout, "{:?}", started.elapsed());
    let stats = highlight.stats();
    assert_eq!(stats.spooled(Signal::Logs), records as u64);
    assert_eq!(stats.spooled(Signal::Traces), 1);
    assert_eq!((stats.dropped_total(), stats.queued_bytes()), (0, 0));
    drop(highlight);

    let (server, highlight) = next_start(spool.path());
    eventually("all is sent", || {
        let stats = highlight.stats();
        stats.sent(Signal::Logs) == records as u64 && stats.sent(Signal::Traces) == 1
    });
    let received = server.received();
    // The error makes a row among the logs too. A server that is slower than the export timeout gets requests twice.
    assert_eq!(distinct(&received), records + 1);
    assert_eq!(records_by_request_id(&received), records + 1);
    assert!(!received.errors.is_empty());
    assert_eq!(files(spool.path()).len(), 0);
}

#[test]
fn what_is_new_does_not_wait_for_what_is_on_disk() {
    let spool = TempDir::new().unwrap();
    let highlight = without_endpoint(spool.path(), |config| config);
    for at in 0..40 {
        say(&highlight, at..at + 1);
        highlight.flush().unwrap();
    }
    drop(highlight);
    let server = MockServer::start();
    server.script((0..41).map(|_| Answer::Delay(Duration::from_millis(200))));
    let highlight = config(&server).spool_dir(spool.path()).start().unwrap();
    server.wait_for_blocking(|received| !received.logs.is_empty());
    say(&highlight, 1_000..1_001);
    server.wait_for_blocking(|received| received.logs.iter().any(|log| log.body == "record 1000"));
    assert!(
        highlight.stats().spooled_total() > 20,
        "{:?}",
        highlight.stats()
    );
    eventually("all is sent", || highlight.stats().sent(Signal::Logs) == 41);
}

#[test]
fn two_processes_share_a_directory_and_only_the_dead_are_inherited() {
    let spool = TempDir::new().unwrap();
    let living = without_endpoint(spool.path(), |config| config);
    let leaving = without_endpoint(spool.path(), |config| config);
    say(&living, 0..10);
    say(&leaving, 10..30);
    living.flush().unwrap();
    leaving.shutdown().unwrap();
    let (server, highlight) = next_start(spool.path());
    eventually("the dead one's is sent", || {
        highlight.stats().sent(Signal::Logs) == 20
    });
    highlight.shutdown().unwrap();
    assert_eq!(distinct(&server.received()), 20);
    assert_eq!(living.stats().spooled(Signal::Logs), 10);
    assert!(!files(spool.path()).is_empty());
    living.shutdown().unwrap();
    let (server, highlight) = next_start(spool.path());
    eventually("so is the other's", || {
        highlight.stats().sent(Signal::Logs) == 10
    });
    assert_eq!(distinct(&server.received()), 10);
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_counts_it() {
    let spool = TempDir::new().unwrap();
    let highlight = without_endpoint(spool.path(), |config| config.spool_bytes(64 * 1024));
    for at in 0..30 {
        say(&highlight, at * 10..at * 10 + 10);
        // Tells of what had to go meanwhile.
        let _ = highlight.flush();
    }
    let stats = highlight.stats();
    let dropped = stats.dropped(Signal::Logs, DropReason::SpoolFull);
    assert!(dropped > 0, "{stats:?}");
    assert_eq!(stats.spooled(Signal::Logs) + dropped, 300);
    let disk: u64 = files(spool.path())
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(disk <= 64 * 1024, "{disk}");
    highlight.shutdown().unwrap();
    drop(highlight);
    let (server, highlight) = next_start(spool.path());
    eventually("the rest is sent", || {
        highlight.stats().sent(Signal::Logs) == 300 - dropped
    });
    let received = server.received();
    assert!(received.logs.iter().any(|log| log.body == "record 299"));
    assert!(!received.logs.iter().any(|log| log.body == "record 0"));
}

/// Records of which each takes more than a kilobyte of disk, whatever compresses them.
fn say_noise(highlight: &highlight::Highlight, records: usize, bytes: usize) {
    let mut seed = 1;
    for at in 0..records {
        let noise = noise(bytes, &mut seed);
        highlight.log(Severity::Info, |record| {
            record.body(&format_args!("noise {at} {noise}"));
        });
    }
}

#[test]
fn a_batch_larger_than_all_of_the_spool_is_stored_in_parts() {
    let spool = TempDir::new().unwrap();
    let highlight = without_endpoint(spool.path(), |config| {
        config
            .spool_bytes(64 * 1024)
            .batch_delay(Duration::from_hours(1))
    });
    // One batch of half a megabyte.
    say_noise(&highlight, 500, 1_000);
    let _ = highlight.flush();
    let stats = highlight.stats();
    let dropped = stats.dropped(Signal::Logs, DropReason::SpoolFull);
    assert!(stats.spooled(Signal::Logs) > 20, "{stats:?}");
    assert_eq!(stats.spooled(Signal::Logs) + dropped, 500, "{stats:?}");
    drop(highlight);
    let (server, highlight) = next_start(spool.path());
    eventually("what had room is sent", || {
        highlight.stats().sent(Signal::Logs) == 500 - dropped
    });
    let received = server.received();
    let last = |log: &server_mock::LogRow| log.body.starts_with("noise 499 ");
    assert!(received.logs.iter().any(last), "the newest stay");
    assert_eq!(distinct(&received) as u64, 500 - dropped);
}

#[test]
fn one_record_larger_than_all_of_the_spool_stays_in_memory_and_drives_nothing_out() {
    let spool = TempDir::new().unwrap();
    let address = free_address();
    let highlight = without_endpoint(spool.path(), |config| {
        config
            .endpoint(format!("http://{address}"))
            .spool_bytes(64 * 1024)
            .shutdown_timeout(Duration::from_millis(500))
    });
    say(&highlight, 0..10);
    highlight.flush().unwrap();
    say_noise(&highlight, 1, 200_000);
    let _ = highlight.flush();
    say(&highlight, 10..20);
    let _ = highlight.flush();
    let stats = highlight.stats();
    let kept = (stats.spooled(Signal::Logs), stats.queued(Signal::Logs));
    assert_eq!((kept, stats.dropped_total()), ((20, 1), 0), "{stats:?}");
    let server = MockServer::builder()
        .address(address.to_string())
        .start()
        .unwrap();
    eventually("all is sent", || {
        let _ = highlight.flush();
        highlight.stats().sent(Signal::Logs) == 21
    });
    assert_eq!(distinct(&server.received()), 21);
}

#[test]
fn without_a_usable_directory_telemetry_stays_in_memory() {
    let outer = TempDir::new().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "no directory").unwrap();
    let address = free_address();
    let highlight = without_endpoint(&file.join("below"), |config| {
        config.endpoint(format!("http://{address}"))
    });
    say(&highlight, 0..100);
    let server = MockServer::builder()
        .address(address.to_string())
        .start()
        .unwrap();
    highlight.flush().unwrap();
    assert_eq!(distinct(&server.received()), 100);
}

#[test]
fn a_disk_that_fails_later_costs_nothing_either() {
    let spool = TempDir::new().unwrap();
    let address = free_address();
    let highlight = without_endpoint(spool.path(), |config| {
        config.endpoint(format!("http://{address}"))
    });
    say(&highlight, 0..10);
    highlight.flush().unwrap();
    let [kept] = &files(spool.path())[..] else {
        panic!("one file expected")
    };
    // What was written stays, but nothing more can be: a directory is in the way.
    let home = kept.parent().unwrap();
    fs::create_dir(home.join("unfinished.tmp")).unwrap();
    say(&highlight, 10..20);
    eventually("it stays in memory", || {
        let stats = highlight.stats();
        stats.queued(Signal::Logs) == 10 && stats.queued_bytes() > 0
    });
    let server = MockServer::builder()
        .address(address.to_string())
        .start()
        .unwrap();
    highlight.flush().unwrap();
    eventually("all is sent", || highlight.stats().sent(Signal::Logs) == 20);
    assert_eq!(distinct(&server.received()), 20);
}

#[test]
fn a_damaged_file_is_set_aside_and_counted() {
    let spool = TempDir::new().unwrap();
    let highlight = without_endpoint(spool.path(), |config| config);
    for at in 0..4 {
        say(&highlight, at * 10..at * 10 + 10);
        highlight.flush().unwrap();
    }
    drop(highlight);
    let files = files(spool.path());
    assert_eq!(files.len(), 4);
    // Torn, flipped, empty; and one that stays whole.
    let whole = fs::read(&files[0]).unwrap();
    fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    let mut flipped = fs::read(&files[1]).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&files[1], flipped).unwrap();
    fs::write(&files[2], "").unwrap();
    fs::write(files[3].with_file_name("unfinished.tmp"), "half of").unwrap();
    let (server, highlight) = next_start(spool.path());
    eventually("the whole one is sent", || {
        highlight.stats().sent(Signal::Logs) == 10
    });
    assert_eq!(
        highlight
            .stats()
            .dropped(Signal::Logs, DropReason::SpoolDamaged),
        30
    );
    assert_eq!(highlight.stats().spooled_total(), 0);
    assert_eq!(distinct(&server.received()), 10);
    assert_eq!(
        fs::read_dir(spool.path().join("damaged")).unwrap().count(),
        3
    );
}

#[test]
fn what_was_spooled_for_another_project_still_goes_to_it() {
    let spool = TempDir::new().unwrap();
    let highlight = without_endpoint(spool.path(), |config| config);
    say(&highlight, 0..1);
    drop(highlight);
    let server = MockServer::start();
    let highlight = Config::new("2")
        .endpoint(server.url())
        .spool_dir(spool.path())
        .start()
        .unwrap();
    eventually("it is sent", || highlight.stats().sent(Signal::Logs) == 1);
    say(&highlight, 1..2);
    highlight.flush().unwrap();
    let received = server.received();
    let projects = received
        .requests
        .iter()
        .map(|request| request.headers["x-highlight-project"].as_str());
    assert_eq!(projects.collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn a_spooled_request_keeps_its_id_and_can_be_refused_or_split() {
    let spool = TempDir::new().unwrap();
    let server = MockServer::start();
    server.script([
        Answer::status(503),
        Answer::status(413),
        Answer::status(400),
    ]);
    let highlight = config(&server).spool_dir(spool.path()).start().unwrap();
    say(&highlight, 0..10);
    eventually("one half is refused and the other sent", || {
        let stats = highlight.stats();
        stats.sent(Signal::Logs) == 5 && stats.dropped(Signal::Logs, DropReason::Rejected) == 5
    });
    let requests = server.received().requests;
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.headers["x-highlight-batch"].clone())
        .collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[0], ids[1]);
    let distinct: std::collections::HashSet<_> = ids.into_iter().collect();
    assert_eq!(distinct.len(), 3);
    assert_eq!(highlight.stats().spooled_total(), 0);
    assert_eq!(files(spool.path()).len(), 0);
}

#[cfg(unix)]
#[test]
fn spooled_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let outer = TempDir::new().unwrap();
    let spool = outer.path().join("new");
    let highlight = without_endpoint(&spool, |config| config);
    say(&highlight, 0..1);
    highlight.flush().unwrap();
    for file in files(&spool) {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        assert_eq!(mode(&spool), 0o700);
    }
}
