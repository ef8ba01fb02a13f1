//! How a server is set up.

use crate::{Answer, Clickhouse, Error, MockServer};

/// Settings of a [`MockServer`] before it starts.
#[derive(Debug, Clone)]
#[must_use = "nothing listens until `start`"]
pub struct Builder {
    pub(crate) address: String,
    pub(crate) clickhouse: Option<Clickhouse>,
    pub(crate) sql: Option<String>,
    pub(crate) sql_allow_remote: bool,
    pub(crate) keep_received: bool,
    pub(crate) script: Vec<Answer>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:0".to_owned(),
            clickhouse: None,
            sql: None,
            sql_allow_remote: false,
            keep_received: true,
            script: Vec::new(),
        }
    }
}

impl Builder {
    /// Listens for OTLP here instead of on a free port of 127.0.0.1.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// Stores in `ClickHouse` before a request is acknowledged.
    pub fn clickhouse(mut self, clickhouse: Clickhouse) -> Self {
        self.clickhouse = Some(clickhouse);
        self
    }

    /// Answers SQL over HTTP here, from the embedded `ClickHouse`.
    pub fn sql(mut self, address: impl Into<String>) -> Self {
        self.sql = Some(address.into());
        self
    }

    /// Lets SQL listen where other machines can reach it; there is no password.
    pub fn sql_allow_remote(mut self, allow: bool) -> Self {
        self.sql_allow_remote = allow;
        self
    }

    /// Whether [`MockServer::received`] keeps what comes in; a server that runs for long should not.
    pub fn keep_received(mut self, keep: bool) -> Self {
        self.keep_received = keep;
        self
    }

    /// Prepares answers, as [`MockServer::script`] does.
    pub fn script(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script.extend(answers);
        self
    }

    /// Starts the server; it listens when this returns.
    ///
    /// # Errors
    /// When an address cannot be listened on, or `ClickHouse` cannot be opened or reached.
    pub fn start(self) -> Result<MockServer, Error> {
        MockServer::run(self)
    }
}
