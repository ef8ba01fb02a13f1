//! The server's thread: opens everything, tells its owner, and serves until it is told to stop.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::runtime::{self, Handle};
use tokio::sync::{Semaphore, watch};

use crate::builder::Builder;
use crate::ingest::{self, App};
use crate::received::Recorder;
use crate::script::Script;
use crate::store::{Backend, Store};
use crate::{Error, connection, sql};

/// What the thread tells its owner once it listens.
pub(crate) struct Started {
    pub(crate) address: SocketAddr,
    pub(crate) sql_address: Option<SocketAddr>,
    pub(crate) runtime: Handle,
    pub(crate) backend: Option<Backend>,
}

/// Starts the thread, and waits until it listens.
pub(crate) fn spawn(
    builder: Builder,
    recorder: Arc<Recorder>,
    script: Arc<Script>,
    stopping: watch::Receiver<bool>,
) -> Result<(JoinHandle<()>, Started), Error> {
    let (starting, started) = mpsc::channel();
    let body = move || {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let Ok(runtime) = runtime else {
            return drop(starting.send(Err(Error::Stopped)));
        };
        runtime.block_on(async {
            match open(&builder).await {
                Ok((listener, sql_listener, started, store)) => {
                    let backend = started.backend.clone();
                    let app = App {
                        recorder,
                        script,
                        store,
                        extracting: Arc::new(Semaphore::new(processors)),
                        stopping: stopping.clone(),
                    };
                    let _ = starting.send(Ok(started));
                    tokio::join!(
                        connection::serve(listener, ingest::router(app), stopping.clone()),
                        serve_sql(sql_listener, backend, stopping),
                    );
                }
                Err(error) => drop(starting.send(Err(error))),
            }
        });
    };
    let thread = thread::Builder::new()
        .name("server-mock".to_owned())
        .spawn(body)
        .map_err(|_| Error::Stopped)?;
    Ok((thread, started.recv().map_err(|_| Error::Stopped)??))
}

async fn serve_sql(
    listener: Option<TcpListener>,
    backend: Option<Backend>,
    stopping: watch::Receiver<bool>,
) {
    if let (Some(listener), Some(Backend::Embedded(embedded))) = (listener, backend) {
        connection::serve(listener, sql::router(embedded), stopping).await;
    }
}

/// Opens everything, before anything is served.
async fn open(
    builder: &Builder,
) -> Result<(TcpListener, Option<TcpListener>, Started, Store), Error> {
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
    let store = Store::start(backend.clone()).await?;
    let started = Started {
        address: local(&listener)?,
        sql_address,
        runtime: Handle::current(),
        backend,
    };
    Ok((listener, sql_listener, started, store))
}

async fn bind(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind {
            address: address.to_owned(),
            source,
        })
}
