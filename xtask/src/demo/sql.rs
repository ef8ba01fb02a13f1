//! Queries to ClickHouse over HTTP, answered as rows of text.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use super::http::Request;

/// The SQL address of a running server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sql(pub(super) SocketAddr);

impl Sql {
    /// The rows of a query's answer.
    ///
    /// # Errors
    /// When the server does not answer or refuses the query; with its own words.
    pub(super) fn rows(self, query: &str) -> Result<Vec<Vec<String>>> {
        let reply = Request {
            address: self.0,
            method: "POST",
            target: "/",
            headers: &[],
            body: query,
        }
        .send()?;
        ensure!(
            reply.status == 200,
            "ClickHouse refuses {query:?}: {}",
            reply.body.trim_end()
        );
        Ok(reply.body.lines().map(cells).collect())
    }

    /// The first cell of a query's answer; empty when there is no row.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub(super) fn value(self, query: &str) -> Result<String> {
        let rows = self.rows(query)?;
        Ok(rows.into_iter().flatten().next().unwrap_or_default())
    }
}

/// The cells of a line of ClickHouse's format `TabSeparated`.
fn cells(line: &str) -> Vec<String> {
    line.split('\t').map(unescape).collect()
}

fn unescape(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn cells_are_unescaped() {
        assert_eq!(cells("a\tb\\nc\\td\\\\e\\'f\t"), ["a", "b\nc\td\\e'f", ""]);
    }
}
