//! The rows of one request, encoded by table.

use super::metric_tables::{Histogram, Sum, Summary};
use super::row_binary::RowBinary;
use super::table::TableRow;
use crate::record::{Log, Span};
use crate::rows::{ErrorRow, MetricRow, MetricValue};
use uuid::Uuid;

/// How rows get into each table.
pub(super) const INSERTS: [&str; 6] = [
    Log::INSERT,
    Span::INSERT,
    ErrorRow::INSERT,
    Sum::INSERT,
    Histogram::INSERT,
    Summary::INSERT,
];

/// The tables whose rows have ids, in the order of [`INSERTS`].
pub(super) const WITH_IDS: [&str; 3] = ["logs", "traces", "errors"];

/// Encoded rows, in the order of [`INSERTS`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Tables {
    rows: [RowBinary; INSERTS.len()],
    extents: [Option<Extent>; WITH_IDS.len()],
}

/// Where the rows of one request are found in one table: between these times and these ids, and nothing else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) times: (i64, i64),
    pub(super) ids: (Uuid, Uuid),
    pub(super) rows: u64,
}

impl Tables {
    pub(crate) fn log(&mut self, log: &Log<'_>) {
        log.encode(&mut self.rows[0]);
        Extent::grow(&mut self.extents[0], log.timestamp_ns, log.uuid);
    }

    pub(crate) fn span(&mut self, span: &Span<'_>) {
        span.encode(&mut self.rows[1]);
        Extent::grow(&mut self.extents[1], span.timestamp_ns, span.uuid);
    }

    pub(crate) fn error(&mut self, error: &ErrorRow) {
        error.encode(&mut self.rows[2]);
        Extent::grow(&mut self.extents[2], error.timestamp_ns, error.uuid);
    }

    pub(crate) fn metric(&mut self, metric: &MetricRow) {
        let [.., sums, histograms, summaries] = &mut self.rows;
        match &metric.value {
            MetricValue::Gauge(_) | MetricValue::Sum { .. } => Sum(metric).encode(sums),
            MetricValue::Histogram { .. } => Histogram(metric).encode(histograms),
            MetricValue::Summary { .. } => Summary(metric).encode(summaries),
        }
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.rows.iter().map(RowBinary::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    pub(super) fn extents(&self) -> [Option<Extent>; WITH_IDS.len()] {
        self.extents
    }

    /// The bytes for each table.
    pub(super) fn into_chunks(self) -> [Vec<u8>; INSERTS.len()] {
        self.rows.map(RowBinary::into_bytes)
    }
}

impl Extent {
    fn grow(extent: &mut Option<Self>, time: i64, id: Uuid) {
        let extent = extent.get_or_insert(Self {
            times: (time, time),
            ids: (id, id),
            rows: 0,
        });
        extent.times = (extent.times.0.min(time), extent.times.1.max(time));
        extent.ids = (extent.ids.0.min(id), extent.ids.1.max(id));
        extent.rows += 1;
    }
}
