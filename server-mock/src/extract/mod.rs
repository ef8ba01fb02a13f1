//! OTLP records to rows, as highlight.io's backend reads them.

mod attributes;
mod errors;
mod fields;
mod hashids;
mod histogram;
mod ids;
mod logs;
mod metrics;
mod project;
mod severity;
mod spans;
mod stack;
mod time;

use std::collections::BTreeMap;

pub(crate) use attributes::flatten;
pub(crate) use logs::extract_logs;
pub(crate) use metrics::extract_metrics;
pub(crate) use spans::extract_spans;

use crate::rows::Rows;

/// What is known of a request besides its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// When it came in, in nanoseconds since 1970.
    pub(crate) received_ns: i64,
    /// Header `x-highlight-project`.
    pub(crate) project: Option<&'a str>,
}

/// What a request turned into.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    pub(crate) rows: Rows,
    pub(crate) rejected: Rejected,
    /// Bodies that the real backend would store without their beginning (see the contract's `" <"` trap).
    pub(crate) cut_bodies: usize,
}

/// The records that could not be taken, by reason.
#[derive(Debug, Default)]
pub(crate) struct Rejected {
    reasons: BTreeMap<String, u32>,
}

impl Rejected {
    fn add(&mut self, reason: String) {
        self.add_many(reason, 1);
    }

    fn add_many(&mut self, reason: String, count: u32) {
        *self.reasons.entry(reason).or_default() += count;
    }

    /// How many records were rejected.
    pub(crate) fn count(&self) -> i64 {
        self.reasons.values().copied().map(i64::from).sum()
    }

    /// Every reason with its count.
    pub(crate) fn message(&self) -> String {
        let reasons: Vec<_> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} with {reason}"))
            .collect();
        reasons.join("; ")
    }
}
