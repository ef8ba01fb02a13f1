//! `ClickHouse`, wherever it runs: statements in, answers out.

use super::embedded::Embedded;
use super::remote::Remote;
use super::{schema, tables};
use crate::Error;

/// An embedded or remote `ClickHouse` and the database in it.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Embedded(Embedded),
    Remote(Box<Remote>),
}

impl Backend {
    /// Makes the database's tables and views.
    pub(super) async fn migrate(&self) -> Result<(), Error> {
        for statement in schema::STATEMENTS {
            match self {
                Self::Embedded(embedded) => drop(embedded.query(statement).await?),
                Self::Remote(remote) => remote.execute(statement).await?,
            }
        }
        if let Self::Embedded(embedded) = self {
            for table in tables::names() {
                embedded.query(&schema::merge_late(table)).await?;
            }
        }
        Ok(())
    }

    /// Runs a statement and returns its answer as text.
    pub(crate) async fn query(&self, sql: &str) -> Result<String, Error> {
        match self {
            Self::Embedded(embedded) => embedded.query(sql).await,
            Self::Remote(remote) => remote.query(sql).await,
        }
    }

    /// Inserts encoded rows; all of them are stored when this returns.
    pub(super) async fn insert(
        &self,
        sql: &str,
        format: &str,
        chunks: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        match self {
            Self::Embedded(embedded) => embedded.insert(sql, format, chunks).await,
            Self::Remote(remote) => remote.insert(sql, format, chunks).await,
        }
    }
}
