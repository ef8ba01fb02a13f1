//! How much larger than a request its rows may be.

use crate::rows::{Attributes, Rows};

/// What nests may become so many times as large.
const NESTED: usize = 16;
/// What does not nest: a double of nine bytes, with its key and their frames, is written in up to 327.
const FLAT: usize = 22;
/// What all records inherit from what stands above them.
const INHERITED: usize = 256;
/// What any request may have, of what nests and of what is inherited.
const EACH: usize = 4_096;

/// The attributes of a row, and those of all rows of a table, are within the bounds of a request of so many bytes.
pub(super) fn hold(rows: &Rows, sent: usize) {
    let logs = rows.logs.iter().map(|log| bytes([&log.attributes]));
    table(logs, 0, sent);
    let spans = rows.spans.iter().map(|span| {
        let events = span.events.iter().map(|event| &event.attributes);
        let links = span.links.iter().map(|link| &link.attributes);
        bytes([&span.attributes].into_iter().chain(events).chain(links))
    });
    table(spans, 0, sent);
    let metrics = rows.metrics.iter().map(|metric| {
        let exemplars = metric.exemplars.iter();
        let exemplars = exemplars.map(|exemplar| &exemplar.attributes);
        let text = metric.name.len() + metric.description.len() + metric.unit.len();
        text + bytes([&metric.attributes].into_iter().chain(exemplars))
    });
    let exemplars = rows.metrics.iter().flat_map(|metric| &metric.exemplars);
    let sessions = exemplars.map(|exemplar| exemplar.secure_session_id.len());
    table(metrics, sessions.sum(), sent);
}

/// The bytes of each row by itself, and what counts only for all of them.
fn table(rows: impl Iterator<Item = usize>, besides: usize, sent: usize) {
    let mut all = besides;
    for row in rows {
        let most = (NESTED + FLAT) * sent + EACH;
        assert!(row <= most, "{row} bytes of attributes from {sent}");
        all += row;
    }
    let most = (NESTED + FLAT + INHERITED) * sent + 2 * EACH;
    assert!(all <= most, "{all} bytes of all attributes from {sent}");
}

fn bytes<'a>(all: impl IntoIterator<Item = &'a Attributes>) -> usize {
    let pairs = all.into_iter().flatten();
    pairs.map(|(key, value)| key.len() + value.len()).sum()
}
