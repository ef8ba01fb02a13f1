//! Where rows go: nowhere beyond the recorder, or into `ClickHouse`, acknowledged once they are there.

mod backend;
mod coming;
mod commit;
mod embedded;
mod ledger;
mod metric_tables;
mod native;
mod predecessor;
mod remote;
mod schema;
mod table;
mod tables;

use std::path::PathBuf;

pub(crate) use backend::Backend;
pub(crate) use coming::Coming;
use commit::Committer;
pub(crate) use embedded::Embedded;
use remote::Remote;
pub(crate) use tables::{Encoded, Tables};

use crate::Error;
use crate::extract::RequestId;

/// Which `ClickHouse` a server writes to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Clickhouse {
    /// libchdb in this process; a process can have one data directory.
    Embedded {
        /// Where the data lies; it is created when it is missing.
        data_dir: PathBuf,
        /// The database, created when it is missing.
        database: String,
    },
    /// A server, over HTTP.
    Remote {
        /// Its URL, such as `http://user:password@host:8123`.
        url: String,
        /// The database, created when it is missing.
        database: String,
    },
}

impl Clickhouse {
    /// Opens or connects, and makes database, tables and views.
    pub(crate) async fn open(&self) -> Result<Backend, Error> {
        let (Self::Embedded { database, .. } | Self::Remote { database, .. }) = self;
        if !schema::is_identifier(database) {
            return Err(Error::Database {
                name: database.clone(),
            });
        }
        let backend = match self {
            Self::Embedded { data_dir, .. } => {
                Backend::Embedded(Embedded::open(data_dir, database)?)
            }
            Self::Remote { url, .. } => {
                Backend::Remote(Box::new(Remote::connect(url, database).await?))
            }
        };
        backend.migrate().await?;
        Ok(backend)
    }
}

/// What a request's rows are handed to before it is acknowledged.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// The recorder alone keeps them.
    Memory,
    /// `ClickHouse` has them once they are committed.
    Clickhouse(Committer),
}

impl Store {
    pub(crate) async fn start(backend: Option<Backend>) -> Result<Self, Error> {
        match backend {
            Some(backend) => Ok(Self::Clickhouse(Committer::start(backend).await?)),
            None => Ok(Self::Memory),
        }
    }

    /// Where rows are encoded for this store, if it takes any.
    pub(crate) fn tables(&self) -> Option<Tables> {
        matches!(self, Self::Clickhouse(_)).then(Tables::default)
    }

    /// Tells that a request is coming, so that others wait for it a little and are stored with it.
    pub(crate) fn announce(&self) -> Option<Coming> {
        match self {
            Self::Clickhouse(committer) => Some(committer.announce()),
            Self::Memory => None,
        }
    }

    /// Returns once the rows are stored; those of a request that has a name are stored once, however often it comes.
    pub(crate) async fn store(
        &self,
        request: Option<RequestId>,
        rows: Option<Encoded>,
        coming: Option<Coming>,
    ) -> Result<(), Error> {
        match (self, rows) {
            (Self::Clickhouse(committer), Some(rows)) if rows.bytes() > 0 => {
                committer.commit(request, rows, coming).await
            }
            _ => Ok(()),
        }
    }
}
