//! The rows of one request, encoded by table.

use super::metric_tables::{Histogram, Sum, Summary};
use super::native::{Block, Header};
use super::table::TableRow;
use crate::record::{Log, Span};
use crate::rows::{ErrorRow, MetricRow, MetricValue};
use uuid::Uuid;

/// Each table's name and columns.
const TABLES: [(&str, &[Header]); 6] = [
    (Log::TABLE, Log::COLUMNS),
    (Span::TABLE, Span::COLUMNS),
    (ErrorRow::TABLE, ErrorRow::COLUMNS),
    (Sum::TABLE, Sum::COLUMNS),
    (Histogram::TABLE, Histogram::COLUMNS),
    (Summary::TABLE, Summary::COLUMNS),
];

/// The tables whose rows have ids: the first ones.
pub(super) const WITH_IDS: [&str; 3] = [Log::TABLE, Span::TABLE, ErrorRow::TABLE];

/// The format of what is inserted.
pub(super) const FORMAT: &str = "Native";

/// The tables' names.
pub(super) fn names() -> [&'static str; TABLES.len()] {
    TABLES.map(|(table, _)| table)
}

/// The statements that insert into each table.
pub(super) fn inserts() -> [String; TABLES.len()] {
    TABLES.map(|(table, columns)| {
        let names: Vec<_> = columns
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        format!("INSERT INTO {table} ({})", names.join(", "))
    })
}

/// The rows of several requests for the table with this number, as they are inserted.
pub(super) fn chunks(table: usize, blocks: Vec<Block>) -> Vec<Vec<u8>> {
    let (_, columns) = TABLES[table];
    Block::chunks(blocks, columns)
}

/// The rows of one request, being encoded.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    blocks: [Block; TABLES.len()],
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
        log.add_to(&mut self.blocks[0]);
        Extent::grow(&mut self.extents[0], log.timestamp_ns, log.uuid);
    }

    pub(crate) fn span(&mut self, span: &Span<'_>) {
        span.add_to(&mut self.blocks[1]);
        Extent::grow(&mut self.extents[1], span.timestamp_ns, span.uuid);
    }

    pub(crate) fn error(&mut self, error: &ErrorRow) {
        error.add_to(&mut self.blocks[2]);
        Extent::grow(&mut self.extents[2], error.timestamp_ns, error.uuid);
    }

    pub(crate) fn metric(&mut self, metric: &MetricRow) {
        let [.., sums, histograms, summaries] = &mut self.blocks;
        match &metric.value {
            MetricValue::Gauge(_) | MetricValue::Sum { .. } => Sum(metric).add_to(sums),
            MetricValue::Histogram { .. } => Histogram(metric).add_to(histograms),
            MetricValue::Summary { .. } => Summary(metric).add_to(summaries),
        }
    }

    /// There are no more rows.
    pub(crate) fn encode(self) -> Encoded {
        Encoded {
            extents: self.extents,
            blocks: self.blocks,
        }
    }
}

/// The rows of one request as they are inserted.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(super) extents: [Option<Extent>; WITH_IDS.len()],
    /// For each table.
    pub(super) blocks: [Block; TABLES.len()],
}

impl Encoded {
    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(Block::bytes).sum()
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
