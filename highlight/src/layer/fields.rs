//! An event's fields, written into its log record.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use tracing::field::{Field, Visit};

use super::log_fields;
use crate::capture::ErrorReport;
use crate::export::log_record::LogRecord;

/// Writes an event's fields into its record.
pub(super) struct Fields<'a, 'b> {
    pub(super) record: &'a mut LogRecord<'b>,
    /// At level ERROR an error field makes the record an error.
    pub(super) takes_errors: bool,
    /// The place was told already.
    pub(super) skips_place: bool,
}

impl Fields<'_, '_> {
    fn is_told(&self, field: &Field) -> bool {
        self.skips_place && log_fields::tells_the_place(field)
    }

    fn names_an_error(&self, field: &Field) -> bool {
        self.takes_errors && matches!(field.name(), "error" | "err" | "exception")
    }
}

impl Visit for Fields<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record.int(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.is_told(field) {
            return;
        }
        match i64::try_from(value) {
            Ok(value) => self.record.int(field.name(), value),
            Err(_) => self.record.display(field.name(), &value),
        };
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.record.display(field.name(), &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.record.display(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record.double(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record.bool(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record.body(value);
        } else if self.names_an_error(field) {
            self.record.error(ErrorReport::from_text(value));
        } else if !self.is_told(field) {
            self.record.text(field.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.takes_errors {
            self.record.error(ErrorReport::from_dyn(value));
        }
        if !self.names_an_error(field) {
            self.record.display(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = Debugged(value);
        if field.name() == "message" {
            self.record.body(&value);
        } else if self.names_an_error(field) {
            self.record.error(ErrorReport::from_text(&value));
        } else {
            self.record.display(field.name(), &value);
        }
    }
}

/// A `Debug` form where a `Display` is wanted; `tracing` wraps its `%` values so that both are the same.
pub(super) struct Debugged<'a>(pub(super) &'a dyn Debug);

impl Display for Debugged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
