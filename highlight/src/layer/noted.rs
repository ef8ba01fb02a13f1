//! An event's fields, noted for the worker to write.

use std::error::Error;
use std::fmt::{Debug, Display};

use tracing::field::{Field, Visit};

use super::fields::Debugged;
use crate::export::log_record::Severity;
use crate::export::note::Values;
use crate::export::proto::{MAX_ATTRIBUTE_BYTES, MAX_BODY_BYTES};
use crate::export::site::{Role, Site};

/// The worker cuts what is too long, at a character's end: it is noted a little longer than it will be.
const MARGIN: usize = 8;

/// Notes an event's fields.
pub(super) struct Noted<'a, 'b> {
    site: &'a Site,
    values: &'a mut Values<'b>,
    has_error: bool,
}

impl<'a, 'b> Noted<'a, 'b> {
    pub(super) fn new(site: &'a Site, values: &'a mut Values<'b>) -> Self {
        Noted {
            site,
            values,
            has_error: false,
        }
    }

    /// False when there was an error, of which a note cannot tell.
    pub(super) fn says_it_all(&self) -> bool {
        !self.has_error
    }

    /// The field's number, and how long a text of it may be. None for one whose value is not to leave its place.
    #[inline]
    fn text_of(&self, field: &Field) -> Option<(u8, usize)> {
        let known = self.site.field(field)?;
        let max = match known.role {
            Role::Message => MAX_BODY_BYTES + MARGIN,
            _ if known.keyed.is_hidden() => return None,
            _ => MAX_ATTRIBUTE_BYTES + MARGIN,
        };
        Some((number(field), max))
    }

    fn display(&mut self, field: &Field, value: &(impl Display + ?Sized)) {
        match self.text_of(field) {
            Some((number, max)) => self.values.display(number, value, max),
            None => self.hidden(field),
        }
    }

    #[cold]
    fn hidden(&mut self, field: &Field) {
        self.values.text(number(field), "", 0);
    }
}

/// A call site with more fields than this can say has no notes.
#[inline]
fn number(field: &Field) -> u8 {
    field.index().to_le_bytes()[0]
}

impl Visit for Noted<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.values.int(number(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.values.int(number(field), value),
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
        self.values.double(number(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.values.bool(number(field), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.text_of(field) {
            Some((number, max)) => self.values.text(number, value, max),
            None => self.hidden(field),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.site.severity == Severity::Error {
            self.has_error = true;
        } else {
            self.display(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.display(field, &Debugged(value));
    }
}
