//! A remote `ClickHouse` over HTTP, through the official client.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::Client;
use percent_encoding::percent_decode_str;
use url::Url;

use super::schema;
use crate::Error;

/// The oldest version whose `Map` and `DateTime64` the schema can use.
const OLDEST: u32 = 22;

/// How long one step of an insert may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the server, set to the database.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client,
    address: String,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// Connects, checks the server's version and makes the database.
    pub(super) async fn connect(url: &str, database: &str) -> Result<Self, Error> {
        let (client, address) = client(url)?;
        let remote = Self { client, address };
        let version = remote.query("SELECT version()").await?;
        let version = version.trim();
        if version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .is_none_or(|major: u32| major < OLDEST)
        {
            return Err(Error::TooOld {
                address: remote.address,
                version: version.to_owned(),
                oldest: OLDEST,
            });
        }
        remote.execute(&schema::create_database(database)).await?;
        Ok(Self {
            client: remote.client.with_database(database),
            address: remote.address,
        })
    }

    pub(super) async fn execute(&self, sql: &str) -> Result<(), Error> {
        self.client
            .query_raw(sql)
            .execute()
            .await
            .map_err(|error| self.failed(&error))
    }

    pub(super) async fn query(&self, sql: &str) -> Result<String, Error> {
        let answer = async {
            self.client
                .query_raw(sql)
                .fetch_bytes("TabSeparated")?
                .collect()
                .await
        };
        let answer = answer.await.map_err(|error| self.failed(&error))?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    pub(super) async fn insert(
        &self,
        sql: &str,
        format: &str,
        chunks: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let sql = format!("{sql} FORMAT {format}");
        let mut insert = self
            .client
            .insert_formatted_with(sql)
            .with_timeouts(Some(PATIENCE), Some(PATIENCE));
        let sent = async {
            for chunk in chunks {
                insert.send(Bytes::from(chunk)).await?;
            }
            insert.end().await
        };
        sent.await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &clickhouse::error::Error) -> Error {
        Error::Remote {
            address: self.address.clone(),
            message: first_line(error),
        }
    }
}

/// The client for a URL with user and password in it, and the address without them.
fn client(url: &str) -> Result<(Client, String), Error> {
    let bad = || Error::Url {
        url: url.to_owned(),
    };
    let mut url = Url::parse(url).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad());
    }
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (user, password) = (decode(url.username()), url.password().map(decode));
    let _ = (url.set_username(""), url.set_password(None));
    let address = url.to_string();
    let mut client = Client::default().with_url(&address);
    if !user.is_empty() {
        client = client.with_user(user);
    }
    if let Some(password) = password {
        client = client.with_password(password);
    }
    Ok((client, address))
}

/// An error with its causes on one line; `ClickHouse` appends a stack trace to some.
fn first_line(error: &clickhouse::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}
