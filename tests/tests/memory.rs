//! The SDK's memory, allocated and resident, stays within its budget and a stated constant. The process-global thing here is the allocator, which counts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(unsafe_code, reason = "an allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use highlight::{Config, Guard, Severity, Signal};
use highlight_tests::support::{extended, noise};

/// What is allocated now, and the most that was.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

fn count(added: usize) {
    let live = LIVE.fetch_add(added, Relaxed) + added;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: everything is the system's allocator; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the bytes move.
        count(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// The budget, and what the SDK may take beside it: one request being compressed, the client's buffers, the threads' own.
const BUDGET: usize = 8 * 1024 * 1024;
const BESIDE: usize = 3 * 1024 * 1024;

/// What the process may have resident beyond the budget and `BESIDE`: what the allocator keeps for itself. Each of the threads that
/// record has an arena, which keeps what it once had, and their shares of the budget change. Errors, of which each is three small
/// allocations, take the most: a minute of nothing else had a peak of 19.4 MB in all.
const FRAGMENTED: usize = 2 * BUDGET;

/// An endpoint that takes requests slowly, with no memory to speak of, and answers all of them with `status`.
fn endpoint(status: u16, pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || answer(client, status, pause));
        }
    });
    address
}

fn answer(mut client: TcpStream, status: u16, pause: Duration) -> std::io::Result<()> {
    let mut part = [0; 16 * 1024];
    loop {
        let read = client.read(&mut part)?;
        let head = String::from_utf8_lossy(&part[..read]).to_ascii_lowercase();
        let Some(end) = head.find("\r\n\r\n") else {
            return Ok(());
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut left = length.unwrap_or(0) - (read - end - 4).min(length.unwrap_or(0));
        while left > 0 {
            left -= client.read(&mut part)?.min(left);
        }
        std::thread::sleep(pause);
        write!(
            client,
            "HTTP/1.1 {status} it is\r\ncontent-length: 0\r\n\r\n"
        )?;
    }
}

/// Four threads say records of all sizes, one in `errors` of them an error, until the time is over.
fn overwhelm(highlight: &Guard, errors: usize, time: Duration) {
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let highlight = highlight.handle();
            scope.spawn(move || {
                let mut seed = thread;
                let texts = [10, 100, 1_000, 20_000].map(|size| noise(size, &mut seed));
                for at in (0..).take_while(|_| Instant::now() < until) {
                    if at % errors == 0 {
                        highlight.capture_error(&std::io::Error::other("broken"));
                        continue;
                    }
                    let text = &texts[at % texts.len()];
                    highlight.log(Severity::Info, |record| {
                        record.body(&format_args!("{at} {text}"));
                    });
                }
            });
        }
    });
}

/// Debug information is read once per process, and is not the buffer's matter.
fn warm_up() {
    let highlight = Config::new("1")
        .endpoint(format!("http://{}", endpoint(200, Duration::ZERO)))
        .source_context(false)
        .start()
        .unwrap();
    overwhelm(&highlight, 50, Duration::from_millis(300));
    let _ = highlight.flush();
}

/// By how much memory grew, in bytes, from before the load to the most during it.
struct Peak {
    allocated: usize,
    resident: usize,
}

/// Watches how much of the process is in memory, until it is asked for the most.
struct Residence {
    over: Arc<AtomicBool>,
    watcher: JoinHandle<usize>,
}

impl Residence {
    fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let watcher = std::thread::spawn(move || {
            let mut most = resident();
            while !until.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
                most = most.max(resident());
            }
            most
        });
        Residence { over, watcher }
    }

    fn most(self) -> usize {
        self.over.store(true, Relaxed);
        self.watcher.join().unwrap()
    }
}

/// Bytes of this process that are in memory now; none where the system does not tell.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or_default() * 1024
}

fn peak(config: Config, errors: usize, time: Duration) -> Peak {
    let highlight = config.byte_budget(BUDGET).start().unwrap();
    highlight.capture_error(&std::io::Error::other("the first"));
    let _ = highlight.flush();
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let resident_before = resident();
    let residence = Residence::watch();
    overwhelm(&highlight, errors, time);
    let peak = Peak {
        allocated: PEAK.load(Relaxed) - before,
        resident: residence.most().saturating_sub(resident_before),
    };
    let stats = highlight.stats();
    let said: u64 = [Signal::Logs, Signal::Traces]
        .map(|signal| stats.sent(signal) + stats.queued(signal))
        .iter()
        .sum();
    let said = said + stats.dropped_total() + stats.spooled_total();
    assert!(said > 1_000, "{stats:?}");
    peak
}

#[test]
fn memory_stays_within_the_budget_and_a_constant_whatever_the_endpoint_does() {
    let time = Duration::from_secs(extended(60, 3));
    warm_up();
    let spool = tempfile::TempDir::new().unwrap();
    let settings = |address: SocketAddr| {
        Config::new("1")
            .endpoint(format!("http://{address}"))
            .batch_delay(Duration::from_millis(50))
            // Source files that are kept for stacks have a bound of their own.
            .source_context(false)
            .shutdown_timeout(Duration::from_secs(1))
    };
    let slow = endpoint(200, Duration::from_millis(200));
    let busy = endpoint(503, Duration::ZERO);
    let spooling = |address| settings(address).spool_dir(spool.path());
    for (what, config, errors) in [
        ("slow", settings(slow), 50),
        ("slow, errors alone", settings(slow), 1),
        ("busy", settings(busy), 50),
        ("busy, errors alone", settings(busy), 1),
        ("slow, with a spool", spooling(slow), 50),
        (
            "busy, with a spool",
            spooling(busy).spool_bytes(64 << 20),
            50,
        ),
        (
            "busy, with a spool, errors alone",
            spooling(busy).spool_bytes(64 << 20),
            1,
        ),
    ] {
        let peak = peak(config, errors, time);
        let Peak {
            allocated,
            resident,
        } = peak;
        println!(
            "{what}: {allocated} bytes allocated, {} beside the budget; {resident} resident",
            allocated.saturating_sub(BUDGET)
        );
        assert!(allocated <= BUDGET + BESIDE, "{what}: {allocated}");
        assert!(
            resident <= BUDGET + BESIDE + FRAGMENTED,
            "{what}: {resident} resident"
        );
    }
}
