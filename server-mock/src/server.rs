//! The server as its owner sees it: a handle on a thread with a runtime of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::runtime::{self, Handle};
use tokio::sync::watch;

use crate::builder::Builder;
use crate::otlp::{self, App};
use crate::received::{DEADLINE, Recorder};
use crate::script::Script;
use crate::store::{Backend, Store};
use crate::{Answer, Error, Received, connection, sql};

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

/// What the thread tells its owner once it listens.
struct Started {
    address: SocketAddr,
    sql_address: Option<SocketAddr>,
    runtime: Handle,
    backend: Option<Backend>,
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
        let (started, starting) = mpsc::channel();
        let (shared, answers) = (Arc::clone(&recorder), Arc::clone(&script));
        let serve = move || {
            let runtime = match runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
            {
                Ok(runtime) => runtime,
                Err(source) => {
                    let address = builder.address;
                    return drop(started.send(Err(Error::Bind { address, source })));
                }
            };
            runtime.block_on(async {
                match start(&builder).await {
                    Ok((listener, sql_listener, at)) => {
                        let store = Store::start(at.backend.clone());
                        let app = App {
                            recorder: shared,
                            script: answers,
                            store,
                            stopping: stop.clone(),
                        };
                        let embedded = at.backend.clone();
                        let _ = started.send(Ok(at));
                        let otlp = connection::serve(listener, otlp::router(app), stop.clone());
                        let sql = async {
                            if let (Some(listener), Some(Backend::Embedded(embedded))) =
                                (sql_listener, embedded)
                            {
                                connection::serve(listener, sql::router(embedded), stop).await;
                            }
                        };
                        tokio::join!(otlp, sql);
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        };
        let thread = thread::Builder::new()
            .name("server-mock".to_owned())
            .spawn(serve)
            .map_err(|_| Error::Stopped)?;
        let Started {
            address,
            sql_address,
            runtime,
            backend,
        } = starting.recv().map_err(|_| Error::Stopped)??;
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

    /// Prepares answers for the next OTLP requests, one each, in order; then service is normal again.
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

/// Opens everything, before anything is served.
async fn start(builder: &Builder) -> Result<(TcpListener, Option<TcpListener>, Started), Error> {
    let listener = bind(&builder.address).await?;
    let sql_listener = match &builder.sql {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let local = |listener: &TcpListener| {
        listener.local_addr().map_err(|source| Error::Bind {
            address: builder.address.clone(),
            source,
        })
    };
    let sql_address = sql_listener.as_ref().map(local).transpose()?;
    if let Some(address) =
        sql_address.filter(|address| !address.ip().is_loopback() && !builder.sql_allow_remote)
    {
        return Err(Error::SqlAddress {
            address: address.to_string(),
        });
    }
    let backend = match &builder.clickhouse {
        Some(clickhouse) => Some(clickhouse.open().await?),
        None => None,
    };
    if sql_listener.is_some() && !matches!(backend, Some(Backend::Embedded(_))) {
        return Err(Error::SqlWithoutEngine);
    }
    let started = Started {
        address: local(&listener)?,
        sql_address,
        runtime: Handle::current(),
        backend,
    };
    Ok((listener, sql_listener, started))
}

async fn bind(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind {
            address: address.to_owned(),
            source,
        })
}
