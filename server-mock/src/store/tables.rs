//! The rows of one request, encoded by table.

use super::metric_tables::{Histogram, Sum, Summary};
use super::row_binary::RowBinary;
use super::table::TableRow;
use crate::record::{Log, Span};
use crate::rows::{ErrorRow, MetricRow, MetricValue};

/// How rows get into each table.
pub(super) const INSERTS: [&str; 6] = [
    Log::INSERT,
    Span::INSERT,
    ErrorRow::INSERT,
    Sum::INSERT,
    Histogram::INSERT,
    Summary::INSERT,
];

/// Encoded rows, in the order of [`INSERTS`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Tables([RowBinary; INSERTS.len()]);

impl Tables {
    pub(crate) fn log(&mut self, log: &Log<'_>) {
        log.encode(&mut self.0[0]);
    }

    pub(crate) fn span(&mut self, span: &Span<'_>) {
        span.encode(&mut self.0[1]);
    }

    pub(crate) fn error(&mut self, error: &ErrorRow) {
        error.encode(&mut self.0[2]);
    }

    pub(crate) fn metric(&mut self, metric: &MetricRow) {
        let [.., sums, histograms, summaries] = &mut self.0;
        match &metric.value {
            MetricValue::Gauge(_) | MetricValue::Sum { .. } => Sum(metric).encode(sums),
            MetricValue::Histogram { .. } => Histogram(metric).encode(histograms),
            MetricValue::Summary { .. } => Summary(metric).encode(summaries),
        }
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(RowBinary::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// The bytes for each table.
    pub(super) fn into_chunks(self) -> [Vec<u8>; INSERTS.len()] {
        self.0.map(RowBinary::into_bytes)
    }
}
