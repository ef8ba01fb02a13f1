//! What can keep a server from starting, storing or answering.

use std::io;

/// Why a server could not start, store or answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: choose another address or stop what uses it")]
    Bind {
        /// The address that was asked for.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address of SQL over HTTP is not loopback.
    #[error(
        "{address} is open to other machines: use a loopback address for SQL, or allow it with --sql-allow-remote"
    )]
    SqlAddress {
        /// The address that was asked for.
        address: String,
    },
    /// SQL over HTTP was asked for without an embedded `ClickHouse`.
    #[error(
        "SQL over HTTP needs the embedded ClickHouse: use --clickhouse embedded, or ask the remote server itself"
    )]
    SqlWithoutEngine,
    /// The database's name is not a plain identifier.
    #[error("{name:?} cannot be a database: use letters, digits and underscores")]
    Database {
        /// The name that was asked for.
        name: String,
    },
    /// The URL of a remote `ClickHouse` is not one.
    #[error("{url:?} is not a ClickHouse URL: use http://user:password@host:8123")]
    Url {
        /// The URL that was given.
        url: String,
    },
    /// The embedded `ClickHouse` failed.
    #[error(transparent)]
    Embedded(#[from] chdb::Error),
    /// A remote `ClickHouse` failed or cannot be reached.
    #[error("ClickHouse at {address}: {message}")]
    Remote {
        /// The server's address.
        address: String,
        /// What it or the client said.
        message: String,
    },
    /// A remote `ClickHouse` is too old for the tables.
    #[error("ClickHouse at {address} is version {version}, and the tables need {oldest} or newer")]
    TooOld {
        /// The server's address.
        address: String,
        /// The server's version.
        version: String,
        /// The oldest major version that will do.
        oldest: u32,
    },
    /// Rows could not be stored.
    #[error("the rows could not be stored: {message}")]
    NotStored {
        /// Why.
        message: String,
    },
    /// There is no `ClickHouse` to ask.
    #[error(
        "the server runs without ClickHouse: give it one with `MockServer::builder().clickhouse(…)`"
    )]
    NoClickhouse,
    /// The server's thread could not start, or is gone.
    #[error("the server is not running")]
    Stopped,
}
