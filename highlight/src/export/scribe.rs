//! The worker's part in notes: it writes the records that they tell of.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;

use super::buffer::Buffer;
use super::log_record::{LogRecord, Style};
use super::note::Note;
use super::stats::Signal;

/// Writes notes as records.
#[derive(Debug)]
pub(crate) struct Scribe {
    style: Arc<Style>,
    /// Of all records of which there are notes.
    scope: InstrumentationScope,
    record: Vec<u8>,
}

impl Scribe {
    pub(crate) fn new(style: Arc<Style>, scope: InstrumentationScope) -> Self {
        Scribe {
            style,
            scope,
            record: Vec::new(),
        }
    }

    /// Writes one into the buffer's open chunk. True when that is to be compressed before the next one is written.
    pub(crate) fn write(&mut self, note: &[u8], buffer: &Buffer) -> bool {
        let Some(note) = Note::read(note) else {
            return false;
        };
        let Some(site) = buffer.sites.get(note.site) else {
            return false;
        };
        self.record.clear();
        let mut record = LogRecord::of_note(&mut self.record, site, &note, &self.style);
        for (field, value) in note.values() {
            if let Some(field) = site.fields.get(usize::from(field)) {
                record.noted(field, value);
            }
        }
        record.finish();
        buffer.append_noted(Signal::Logs, &self.scope, &self.record)
    }
}
