//! The server as its owner sees it: a handle on a thread with a runtime of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::builder::Builder;
use crate::received::{DEADLINE, Recorder};
use crate::running::{self, Started};
use crate::script::Script;
use crate::store::Backend;
use crate::{Answer, Error, Received};

/// A running ingest server. Dropping it stops it, and panics when one of its handlers has.
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    sql_address: Option<SocketAddr>,
    recorder: Arc<Recorder>,
    script: Arc<Script>,
    /// Runs what the owner asks of a remote `ClickHouse`.
    runtime: Handle,
    backend: Option<Backend>,
    stopping: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl MockServer {
    /// Starts a server for a test: on a free port of 127.0.0.1, keeping what it receives in memory.
    ///
    /// # Panics
    /// When it cannot start.
    ///
    /// # Examples
    /// ```
    /// let server = server_mock::MockServer::start();
    /// assert!(server.url().starts_with("http://127.0.0.1:"));
    /// assert!(server.received().logs.is_empty());
    /// ```
    #[must_use]
    pub fn start() -> Self {
        Self::builder()
            .start()
            .unwrap_or_else(|error| panic!("the mock server cannot start: {error}"))
    }

    /// Sets up a server that stores in `ClickHouse`, listens elsewhere, or answers from a script.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn run(builder: Builder) -> Result<Self, Error> {
        let recorder = Arc::new(Recorder::new(builder.keep_received));
        let script = Arc::new(Script::default());
        script.add(builder.script.clone());
        let (stopping, stop) = watch::channel(false);
        let (thread, started) =
            running::spawn(builder, Arc::clone(&recorder), Arc::clone(&script), stop)?;
        let Started {
            address,
            sql_address,
            runtime,
            backend,
        } = started;
        Ok(Self {
            address,
            sql_address,
            recorder,
            script,
            runtime,
            backend,
            stopping,
            thread: Some(thread),
        })
    }

    /// The OTLP base endpoint, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where OTLP is listened for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where SQL over HTTP is answered, if it was asked for.
    #[must_use]
    pub fn sql_address(&self) -> Option<SocketAddr> {
        self.sql_address
    }

    /// What has been received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        Arc::unwrap_or_clone(self.recorder.snapshot())
    }

    /// Waits until what has been received satisfies `wanted`, and returns it.
    ///
    /// # Panics
    /// After 10 seconds, with a short rendering of what was received. Needs a tokio runtime with its timer.
    pub async fn wait_for(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        match self.recorder.wait_for(wanted).await {
            Ok(received) => Arc::unwrap_or_clone(received),
            Err(received) => panic!("not received within {DEADLINE:?}; received:\n{received}"),
        }
    }

    /// As [`Self::wait_for`], without a runtime.
    ///
    /// # Panics
    /// After 10 seconds, with a short rendering of what was received.
    pub fn wait_for_blocking(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        match self.recorder.wait_for_blocking(wanted) {
            Ok(received) => Arc::unwrap_or_clone(received),
            Err(received) => panic!("not received within {DEADLINE:?}; received:\n{received}"),
        }
    }

    /// Prepares answers for the next requests with OTLP or of a log drain, one each, in order; then service is normal again.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.add(answers);
    }

    /// Asks `ClickHouse`, in the server's database. The answer is tab-separated, unless the query has a `FORMAT` clause.
    ///
    /// # Errors
    /// When the server runs without `ClickHouse`, or `ClickHouse` refuses the query.
    pub fn sql(&self, query: &str) -> Result<String, Error> {
        let backend = self.backend.clone().ok_or(Error::NoClickhouse)?;
        let query = query.to_owned();
        self.wait(async move { backend.query(&query).await })
            .unwrap_or(Err(Error::Stopped))
    }

    /// Runs a future on the server's runtime, so that callers may or may not be on one of their own.
    fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = mpsc::channel();
        self.runtime.spawn(async move {
            let _ = sender.send(future.await);
        });
        answer.recv().ok()
    }

    /// Stops: finishes the requests under way, stores their rows and closes `ClickHouse`.
    ///
    /// # Panics
    /// When one of the server's handlers has.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
        let Some(thread) = self.thread.take() else {
            return;
        };
        if let Err(panic) = thread.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
