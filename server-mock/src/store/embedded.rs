//! The embedded `ClickHouse`: libchdb in this process, one engine for inserts and one for looking.

use std::path::Path;

use chdb::{Engine, Insert, Library, Statement};
use tokio::sync::oneshot;

use super::schema;
use crate::Error;

/// What the connection that inserts is set to.
///
/// The skip indexes are a large share of what an insert costs, as `cargo xtask bench ingest` shows of the engine alone, and of the files
/// of a small part; merges make them anew in any case. Until then queries read those parts without.
const INSERTING: &str = "SET materialize_skip_indexes_on_insert = 0";

/// Two engines on one data directory, so that a long query does not hold inserts up.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    inserts: Engine,
    queries: Engine,
    database: String,
}

impl Embedded {
    /// Opens a data directory and makes the database in it.
    pub(super) fn open(data_dir: &Path, database: &str) -> Result<Self, Error> {
        let library = Library::locate()?;
        let inserts = Engine::open(&library, data_dir)?;
        let queries = Engine::open(&library, data_dir)?;
        inserts.query(Statement::new(schema::create_database(database)))?;
        inserts.query(Statement::new(INSERTING))?;
        Ok(Self {
            inserts,
            queries,
            database: database.to_owned(),
        })
    }

    pub(super) async fn query(&self, sql: &str) -> Result<String, Error> {
        let answer = self
            .run(Statement::new(sql).database(&self.database))
            .await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Runs a statement as it is, in the database it names.
    pub(crate) async fn run(&self, statement: Statement) -> Result<Vec<u8>, chdb::Error> {
        let (reply, answer) = oneshot::channel();
        self.queries
            .query_then(statement, |result| drop(reply.send(result)));
        answer.await.unwrap_or(Err(chdb::Error::Closed))
    }

    /// Runs an insert as it is, in the database it names.
    pub(crate) async fn run_insert(&self, insert: Insert) -> Result<(), chdb::Error> {
        let (reply, answer) = oneshot::channel();
        self.inserts
            .insert_then(insert, |result| drop(reply.send(result)));
        answer.await.unwrap_or(Err(chdb::Error::Closed))
    }

    pub(super) async fn insert(
        &self,
        sql: &str,
        format: &str,
        chunks: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let insert = Insert::new(sql, format).database(&self.database);
        Ok(self
            .run_insert(chunks.into_iter().fold(insert, Insert::chunk))
            .await?)
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }
}
