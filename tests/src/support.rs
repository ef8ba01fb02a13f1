//! A running SDK and the server it sends to.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use highlight::{Config, Guard};
use server_mock::{Answer, MockServer, Received};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

/// A session as the browser sends it.
pub const SESSION: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";

/// An SDK that touches nothing global, sending to a server of its own.
#[derive(Debug)]
pub struct Pipeline {
    /// What the test's own code would hold.
    pub highlight: Guard,
    /// Where it sends to.
    pub server: MockServer,
}

impl Pipeline {
    /// With short delays, and otherwise as by default.
    #[must_use]
    pub fn start() -> Self {
        Pipeline::with(|config| config)
    }

    /// With further settings.
    ///
    /// # Panics
    /// The settings are wrong.
    #[must_use]
    pub fn with(set: impl FnOnce(Config) -> Config) -> Self {
        let server = MockServer::start();
        let highlight = set(config(&server))
            .start()
            .expect("the settings are right");
        Pipeline { highlight, server }
    }

    /// With prepared answers.
    #[must_use]
    pub fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let pipeline = Pipeline::start();
        pipeline.server.script(answers);
        pipeline
    }

    /// Makes this thread's `tracing` events and spans go to the SDK.
    #[must_use]
    pub fn subscribe(&self) -> DefaultGuard {
        tracing::dispatcher::set_default(&self.highlight.subscriber())
    }

    /// [`subscribe`](Self::subscribe) through a registry, as where there are other layers.
    #[must_use]
    pub fn subscribe_in_a_registry(&self) -> DefaultGuard {
        let registry = tracing_subscriber::registry().with(self.highlight.layer());
        tracing::subscriber::set_default(registry)
    }

    /// All that was recorded so far, as the server has it.
    ///
    /// # Panics
    /// Not everything was delivered.
    #[must_use]
    pub fn received(&self) -> Received {
        self.highlight.flush().expect("everything is delivered");
        self.server.received()
    }
}

/// Waits until something is so that nobody tells of.
///
/// # Panics
/// It is not so within a minute, or ten in the extended tests.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(extended(10, 1));
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An address of this machine where nobody listens.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// How many records came in, each request counted once however often it came.
#[must_use]
pub fn records_by_request_id(received: &Received) -> usize {
    let requests = received.requests.iter();
    let by_id = requests.filter_map(|request| {
        let id = request.headers.get("x-highlight-batch")?;
        (request.status == 200).then_some((id, request.records))
    });
    by_id.collect::<HashMap<_, _>>().into_values().sum()
}

/// The larger number where the extended tests are asked for with `HIGHLIGHT_EXTENDED=1`, the smaller one otherwise.
#[must_use]
pub fn extended<T>(larger: T, smaller: T) -> T {
    if std::env::var_os("HIGHLIGHT_EXTENDED").is_some() {
        larger
    } else {
        smaller
    }
}

/// Text that hardly compresses.
#[must_use]
pub fn noise(bytes: usize, seed: &mut u64) -> String {
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let letter = u8::try_from((*seed >> 57) % 94).unwrap_or(0);
        text.push(char::from(b'!' + letter));
    }
    text
}

/// Settings for a test: everything goes to `server`, soon.
pub fn config(server: &MockServer) -> Config {
    Config::new("1jdkoe52")
        .endpoint(server.url())
        .service_name("shop")
        .service_version("1.2.3")
        .environment("test")
        .filter("trace")
        .batch_delay(Duration::from_millis(20))
}
