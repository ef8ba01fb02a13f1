//! The fields of an event or a span, noted for the worker to write.

use std::error::Error;
use std::fmt::{Debug, Display};

use tracing::field::{Field, Visit};

use super::fields::Debugged;
use super::span_fields::Told;
use crate::export::log_record::{MAX_ATTRIBUTES, Severity};
use crate::export::note::Values;
use crate::export::proto::{MAX_ATTRIBUTE_BYTES, MAX_BODY_BYTES};
use crate::export::site::{Role, Site};

/// The worker cuts what is too long, at a character's end: it is noted a little longer than it will be.
const MARGIN: usize = 8;

/// Notes fields.
pub(super) struct Noted<'a, 'b> {
    site: &'a Site,
    values: &'a mut Values<'b>,
    has_error: bool,
    /// How many more may be noted. Of an event, the worker counts them.
    room: u32,
    over: u32,
    /// What a span's fields say of it.
    told: Option<&'a mut Told>,
}

impl<'a, 'b> Noted<'a, 'b> {
    /// For an event.
    pub(super) fn new(site: &'a Site, values: &'a mut Values<'b>) -> Self {
        Noted {
            site,
            values,
            has_error: false,
            room: u32::MAX,
            over: 0,
            told: None,
        }
    }

    /// For a span.
    pub(super) fn of_span(site: &'a Site, values: &'a mut Values<'b>, told: &'a mut Told) -> Self {
        Noted {
            room: MAX_ATTRIBUTES,
            told: Some(told),
            ..Noted::new(site, values)
        }
    }

    /// False when there was an error, of which a note cannot tell.
    pub(super) fn says_it_all(&self) -> bool {
        !self.has_error
    }

    /// How many attributes of a span were noted, and how many were not.
    pub(super) fn count(&self) -> (u32, u32) {
        (MAX_ATTRIBUTES - self.room, self.over)
    }

    /// The field's number, if there is room for it.
    #[inline]
    fn next(&mut self, field: &Field) -> Option<u8> {
        if self.room == 0 {
            self.over += 1;
            return None;
        }
        self.room -= 1;
        // A call site with more fields than this can say has no notes.
        Some(field.index().to_le_bytes()[0])
    }

    /// How long a text of the field may be. None for one whose text is not an attribute's.
    #[inline]
    fn text_of(&self, field: &Field) -> Option<usize> {
        let known = self.site.field(field)?;
        match known.role {
            Role::Message => Some(MAX_BODY_BYTES + MARGIN),
            Role::Attribute if !known.keyed.is_hidden() => Some(MAX_ATTRIBUTE_BYTES + MARGIN),
            _ => None,
        }
    }

    fn display(&mut self, field: &Field, value: &(impl Display + ?Sized)) {
        let Some(max) = self.text_of(field) else {
            return self.special(field, value);
        };
        if let Some(number) = self.next(field) {
            self.values.display(number, value, max);
        }
    }

    #[cold]
    fn special(&mut self, field: &Field, value: &(impl Display + ?Sized)) {
        match (&mut self.told, self.site.field(field)) {
            (_, None) => {}
            (Some(told), Some(known)) if known.role != Role::Attribute => {
                told.special(known.role, value);
            }
            // A secret does not leave its place.
            (_, Some(_)) => {
                if let Some(number) = self.next(field) {
                    self.values.text(number, "", 0);
                }
            }
        }
    }
}

impl Visit for Noted<'_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Some(number) = self.next(field) {
            self.values.int(number, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
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
        if let Some(number) = self.next(field) {
            self.values.double(number, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(number) = self.next(field) {
            self.values.bool(number, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let Some(max) = self.text_of(field) else {
            return self.special(field, value);
        };
        if let Some(number) = self.next(field) {
            self.values.text(number, value, max);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.told.is_none() && self.site.severity == Severity::Error {
            self.has_error = true;
        } else {
            self.display(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.display(field, &Debugged(value));
    }
}
