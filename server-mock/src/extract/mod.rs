//! OTLP records to rows, as highlight.io's backend reads them.

mod above;
mod attributes;
mod drained;
mod errors;
mod fields;
mod hashids;
mod histogram;
mod ids;
mod logs;
mod metrics;
mod project;
mod room;
mod row_ids;
mod severity;
mod spans;
mod stack;
mod time;

use std::collections::BTreeMap;
use std::fmt::Display;

pub(crate) use attributes::{Pairs, flatten};
#[cfg(test)]
pub(crate) use attributes::{pair, value};
pub(crate) use drained::Drained;
pub(crate) use fields::Fields;
pub(crate) use ids::Id;
pub(crate) use logs::extract_logs;
pub(crate) use metrics::extract_metrics;
use project::Projects;
pub(crate) use room::{Bounds, Room, digits};
pub(crate) use row_ids::{RequestId, RowIds};
pub(crate) use spans::extract_spans;
pub(crate) use time::now_ns;

use crate::record::{Log, Span};
use crate::rows::{ErrorRow, MetricRow, Rows};
use crate::store::Tables;

/// What is known of a request besides its body.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// When it came in, in nanoseconds since 1970.
    received_ns: i64,
    /// Header `x-highlight-project`.
    project: Option<&'a str>,
    projects: Projects,
}

impl<'a> Arrival<'a> {
    pub(crate) fn new(received_ns: i64, project: Option<&'a str>) -> Self {
        Self {
            received_ns,
            project,
            projects: Projects::default(),
        }
    }
}

/// What a request turned into.
#[derive(Debug)]
pub(crate) struct Extracted {
    /// The rows as `ClickHouse` takes them, where it does.
    pub(crate) tables: Option<Tables>,
    /// The rows as tests look at them, where they do.
    pub(crate) kept: Option<Rows>,
    /// How many records it carried.
    pub(crate) records: usize,
    pub(crate) rejected: Rejected,
    /// Bodies that the real backend would store without their beginning (see the contract's `" <"` trap).
    pub(crate) cut_bodies: usize,
    ids: RowIds,
}

impl Extracted {
    /// Nothing yet, for a request whose rows are stored, kept, or both.
    pub(crate) fn new(ids: RowIds, tables: Option<Tables>, kept: Option<Rows>) -> Self {
        Self {
            tables,
            kept,
            records: 0,
            rejected: Rejected::default(),
            cut_bodies: 0,
            ids,
        }
    }

    fn log(&mut self, log: &Log<'_>) {
        if let Some(tables) = &mut self.tables {
            tables.log(log);
        }
        if let Some(kept) = &mut self.kept {
            kept.logs.push(log.to_row());
        }
    }

    fn span(&mut self, span: &Span<'_>) {
        if let Some(tables) = &mut self.tables {
            tables.span(span);
        }
        if let Some(kept) = &mut self.kept {
            kept.spans.push(span.to_row());
        }
    }

    fn error(&mut self, error: ErrorRow) {
        if let Some(tables) = &mut self.tables {
            tables.error(&error);
        }
        if let Some(kept) = &mut self.kept {
            kept.errors.push(error);
        }
    }

    fn metric(&mut self, metric: MetricRow) {
        if let Some(tables) = &mut self.tables {
            tables.metric(&metric);
        }
        if let Some(kept) = &mut self.kept {
            kept.metrics.push(metric);
        }
    }
}

/// The records that could not be taken, by reason.
#[derive(Debug, Default)]
pub(crate) struct Rejected {
    reasons: BTreeMap<String, Rejections>,
}

/// Those with one reason.
#[derive(Debug, Default)]
struct Rejections {
    count: u32,
    /// Where the first of them is, when its place has a name.
    first: Option<String>,
}

impl Rejected {
    fn add(&mut self, reason: String) {
        self.add_many(reason, 1);
    }

    fn add_many(&mut self, reason: String, count: u32) {
        self.reasons.entry(reason).or_default().count += count;
    }

    /// Adds one whose place in the request has a name, such as `line 3`.
    fn add_at(&mut self, place: impl Display, reason: String) {
        let same = self.reasons.entry(reason).or_default();
        same.count += 1;
        same.first.get_or_insert_with(|| place.to_string());
    }

    /// How many records were rejected.
    pub(crate) fn count(&self) -> i64 {
        let reasons = self.reasons.values();
        reasons.map(|same| i64::from(same.count)).sum()
    }

    /// Every reason with its count.
    pub(crate) fn message(&self) -> String {
        let reasons: Vec<_> = self
            .reasons
            .iter()
            .map(|(reason, Rejections { count, first })| match first {
                Some(first) => format!("{count} with {reason} (first in {first})"),
                None => format!("{count} with {reason}"),
            })
            .collect();
        reasons.join("; ")
    }

    /// Both, if there are any.
    pub(crate) fn told(&self) -> Option<(i64, String)> {
        Some((self.count(), self.message())).filter(|(count, _)| *count > 0)
    }
}
