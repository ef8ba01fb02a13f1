//! What a process before this one has stored of the requests that come now.
//!
//! It may have been killed between the inserts into two tables, or before it could answer. A request with a row that is younger than
//! all that were there when this process began has not been stored whole: only others are looked for, so this costs nothing in a
//! new directory, and nothing once senders have caught up. Rows of metrics have no ids, and are not looked for.

use std::fmt::Write as _;

use uuid::Uuid;

use super::backend::Backend;
use super::commit::Batch;
use super::ledger::Ledger;
use super::tables::{Extent, WITH_IDS};
use crate::Error;
use crate::extract::{RequestId, now_ns};

/// How many characters of an id's text are the same for all rows of a request.
const REQUEST: usize = 28;

/// Looks for the rows of older requests, and enters what is there in the ledger.
#[derive(Debug)]
pub(super) struct Predecessor {
    /// The time of the newest row that each table had when this process took over, in nanoseconds since 1970.
    newest_ns: [i64; WITH_IDS.len()],
}

impl Predecessor {
    /// Looks at what is there before this process inserts.
    pub(super) async fn of(backend: &Backend) -> Result<Self, Error> {
        // Others may still be writing to a remote server, and what they write is as new as it gets.
        let mut newest_ns = [now_ns(); WITH_IDS.len()];
        if let Backend::Embedded(_) = backend {
            for (newest, table) in newest_ns.iter_mut().zip(WITH_IDS) {
                let answer = backend.query(&newest_of(table)).await?;
                // Looking once too often does no harm.
                *newest = answer.trim().parse().unwrap_or(i64::MAX);
            }
        }
        Ok(Self { newest_ns })
    }

    pub(super) async fn look(
        &self,
        backend: &Backend,
        group: &[Batch],
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        for (at, table) in WITH_IDS.into_iter().enumerate() {
            let sought: Vec<_> = group
                .iter()
                .filter_map(|batch| Some((batch.request?, batch.rows.extents[at]?)))
                .filter(|(request, extent)| {
                    extent.times.1 <= self.newest_ns[at] && !ledger.has(Some(*request), at)
                })
                .collect();
            if sought.is_empty() {
                continue;
            }
            let answer = backend.query(&query(table, &sought)).await?;
            for (request, _) in found(&answer, &sought) {
                ledger.add(*request, at);
            }
        }
        Ok(())
    }
}

/// Asks for the time of the table's newest row, or the least number when it has none.
fn newest_of(table: &str) -> String {
    format!(
        "SELECT if(count() = 0, {}, toUnixTimestamp64Nano(max(Timestamp))) FROM {table}",
        i64::MIN
    )
}

/// Asks how many rows of each request the table has.
fn query(table: &str, sought: &[(RequestId, Extent)]) -> String {
    let mut sql =
        format!("SELECT left(toString(UUID), {REQUEST}) AS Request, count() FROM {table} WHERE");
    for (at, (_, Extent { times, ids, .. })) in sought.iter().enumerate() {
        let or = if at == 0 { "" } else { " OR" };
        let _ = write!(
            sql,
            "{or} (Timestamp BETWEEN fromUnixTimestamp64Nano({}) AND fromUnixTimestamp64Nano({}) \
             AND UUID BETWEEN '{}' AND '{}')",
            times.0, times.1, ids.0, ids.1
        );
    }
    sql.push_str(" GROUP BY Request");
    sql
}

/// The requests that are there with all their rows. One with fewer, whose insert went into two partitions or was cut off, is
/// stored again: rows twice are better than rows lost.
fn found<'s>(
    answer: &str,
    sought: &'s [(RequestId, Extent)],
) -> impl Iterator<Item = &'s (RequestId, Extent)> {
    let whole = |text: &str, extent: &Extent, line: &str| {
        line.split_once('\t').is_some_and(|(request, rows)| {
            request == &text[..REQUEST] && rows.parse() == Ok(extent.rows)
        })
    };
    sought.iter().filter(move |(_, extent)| {
        let text = Uuid::to_string(&extent.ids.0);
        answer.lines().any(|line| whole(&text, extent, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::RowIds;

    #[test]
    fn only_a_request_with_all_its_rows_is_found() {
        let sought = ["a", "b", "c"].map(|name| {
            let mut ids = RowIds::named("/v1/logs", name, 1);
            let id = ids.next();
            let extent = Extent {
                times: (1, 2),
                ids: (id, ids.next()),
                rows: 2,
            };
            (ids.request(), extent)
        });
        let line = |at: usize, rows| {
            let text = sought[at].1.ids.1.to_string();
            format!("{}\t{rows}\n", &text[..REQUEST])
        };
        let answer = line(0, 2) + &line(1, 1);
        let found: Vec<_> = found(&answer, &sought).collect();
        assert_eq!(found, [&sought[0]]);
    }
}
