//! The worker's part in notes: it writes the records that they tell of.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;

use super::buffer::Buffer;
use super::log_record::{LogRecord, Style};
use super::note::{self, Note, Value};
use super::proto::Scalar;
use super::site::{Site, Sites};
use super::span_note::SpanNote;
use super::stats::{DropReason, Signal};
use crate::scrub::Scrub;

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

    /// Writes one into the buffer's open chunk. Whenever that is full, `compress` makes room.
    pub(crate) fn write(
        &mut self,
        signal: Signal,
        note: &[u8],
        buffer: &Buffer,
        compress: impl FnMut(),
    ) {
        self.record.clear();
        let written = match signal {
            Signal::Traces => self.span(note, &buffer.sites),
            _ => self.log(note, &buffer.sites),
        };
        // What was noted here can be read here; but if not, it is lost in sight.
        if written.is_none() {
            buffer.counters.lost(signal, DropReason::Invalid, 1);
            return;
        }
        let record = self.record.as_slice().into();
        buffer.append_taken(signal, &self.scope, record, compress);
    }

    fn log(&mut self, note: &[u8], sites: &Sites) -> Option<()> {
        let note = Note::read(note)?;
        if let Some(record) = note.whole() {
            self.record.extend_from_slice(record);
            return Some(());
        }
        let site = sites.get(note.site)?;
        let mut record = LogRecord::of_note(&mut self.record, site, &note, &self.style);
        for (field, value) in note.values() {
            record.noted(site.fields.get(usize::from(field))?, value);
        }
        record.finish();
        Some(())
    }

    fn span(&mut self, note: &[u8], sites: &Sites) -> Option<()> {
        let note = SpanNote::read(note)?;
        note.head().write(&mut self.record);
        let site = note.site.and_then(|site| sites.get(site));
        write_values(&mut self.record, note.values, site, &self.style.scrub);
        self.record.extend_from_slice(note.rest);
        Some(())
    }
}

/// Writes a span's attributes of its noted values.
pub(crate) fn write_values(buf: &mut Vec<u8>, values: &[u8], site: Option<&Site>, scrub: &Scrub) {
    for (field, value) in note::values(values) {
        let field = site.and_then(|site| site.fields.get(usize::from(field)));
        match (value, field.map(|field| &field.keyed)) {
            (Value::Encoded(attributes), _) => buf.extend_from_slice(attributes),
            (Value::Text(text), Some(keyed)) => keyed.noted_text(buf, text, scrub),
            (Value::Int(value), Some(keyed)) => keyed.scalar(buf, Scalar::Int(value), scrub),
            (Value::Double(value), Some(keyed)) => keyed.scalar(buf, Scalar::Double(value), scrub),
            (Value::Bool(value), Some(keyed)) => keyed.bool(buf, value),
            (_, None) => {}
        }
    }
}
