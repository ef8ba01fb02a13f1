//! An event's fields, written into its log record.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use tracing::field::{Field, Visit};

use crate::capture::ErrorReport;
use crate::export::log_record::{LogRecord, Severity};
use crate::export::proto::Scalar;
use crate::export::site::{Role, Site};

/// Writes an event's fields into its record.
pub(super) struct Fields<'a, 'b> {
    pub(super) record: &'a mut LogRecord<'b>,
    pub(super) site: &'a Site,
    /// The place was told already.
    pub(super) skips_place: bool,
}

impl Fields<'_, '_> {
    #[inline]
    fn scalar(&mut self, field: &Field, value: Scalar<'_>) {
        if let Some(known) = self.site.field(field)
            && !(self.skips_place && known.role == Role::Place)
        {
            self.record.keyed(&known.keyed, value);
        }
    }

    fn display(&mut self, field: &Field, value: &(impl Display + ?Sized)) {
        if let Some(known) = self.site.field(field) {
            self.record.keyed_display(&known.keyed, value);
        }
    }

    fn role(&self, field: &Field) -> Option<Role> {
        Some(self.site.field(field)?.role)
    }
}

impl Visit for Fields<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, Scalar::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.scalar(field, Scalar::Int(value)),
            Err(_) => self.display(field, &value),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.display(field, &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.display(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.scalar(field, Scalar::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(known) = self.site.field(field) {
            self.record.keyed_bool(&known.keyed, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.role(field) {
            Some(Role::Message) => {
                self.record.body(value);
            }
            Some(Role::Error) => {
                self.record.error(ErrorReport::from_text(value));
            }
            _ => self.scalar(field, Scalar::Str(value)),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.site.severity == Severity::Error {
            self.record.error(ErrorReport::from_dyn(value));
        }
        if self.role(field) != Some(Role::Error) {
            self.display(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = Debugged(value);
        match self.role(field) {
            Some(Role::Message) => {
                self.record.body(&value);
            }
            Some(Role::Error) => {
                self.record.error(ErrorReport::from_text(&value));
            }
            _ => self.display(field, &value),
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
