//! Encoded records, read back.

use super::{Captured, Sent, SentError};
use crate::capture::{ERROR_SPAN, EXCEPTION};
use crate::export::reader::{Fields, Payload};
use crate::export::stats::Signal;
use crate::export::value::hex;
use crate::hook::{read_attribute_text, show};

/// Field number of the records in a chunk.
const RECORDS: u32 = 2;

impl Captured {
    pub(super) fn read(&mut self, signal: Signal, records: &[u8]) {
        for field in Fields::new(records) {
            if let (RECORDS, Payload::Bytes(record)) = (field.number, field.payload) {
                match signal {
                    Signal::Logs => self.read_log(record),
                    Signal::Traces => self.read_span(record),
                    // Counted by the server; not shown here.
                    Signal::Metrics => {}
                }
            }
        }
    }

    fn read_log(&mut self, record: &[u8]) {
        let mut log = Sent::default();
        for (number, bytes) in length_delimited(record) {
            match number {
                3 => log.severity = text(bytes),
                5 => log.text = show(bytes).into_owned(),
                6 => log.attributes.push(read_attribute_text(bytes)),
                9 => log.trace_id = hex(bytes),
                10 => log.span_id = hex(bytes),
                _ => {}
            }
        }
        if log.attribute("exception.message").is_some() {
            self.errors.push(SentError {
                attributes: log.attributes.clone(),
            });
        }
        self.logs.push(log);
    }

    fn read_span(&mut self, record: &[u8]) {
        let mut span = Sent::default();
        let mut events = Vec::new();
        for (number, bytes) in length_delimited(record) {
            match number {
                1 => span.trace_id = hex(bytes),
                2 => span.span_id = hex(bytes),
                4 => span.parent_span_id = hex(bytes),
                5 => span.text = text(bytes),
                9 => span.attributes.push(read_attribute_text(bytes)),
                11 => events.push(bytes),
                _ => {}
            }
        }
        for event in events {
            self.read_event(&span, event);
        }
        if span.text != ERROR_SPAN {
            self.spans.push(span);
        }
    }

    fn read_event(&mut self, span: &Sent, event: &[u8]) {
        let mut name = String::new();
        let mut attributes = Vec::new();
        for (number, bytes) in length_delimited(event) {
            match number {
                2 => name = text(bytes),
                3 => attributes.push(read_attribute_text(bytes)),
                _ => {}
            }
        }
        if name == EXCEPTION {
            attributes.extend(span.attributes.iter().cloned());
            self.errors.push(SentError { attributes });
        }
    }
}

fn length_delimited(message: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    Fields::new(message).filter_map(|field| match field.payload {
        Payload::Bytes(bytes) => Some((field.number, bytes)),
        _ => None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
