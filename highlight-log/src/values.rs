//! A record's key-values as attributes, with their types.

use std::error::Error as StdError;

use highlight::{ErrorReport, LogRecord};
use log::kv::{Error, Key, Value, VisitSource, VisitValue};

/// Writes each key-value into the record that is being sent.
pub(crate) struct Attributes<'a, 'b> {
    pub(crate) sent: &'a mut LogRecord<'b>,
    /// At level error an error makes the record an error.
    pub(crate) takes_errors: bool,
}

impl<'kvs> VisitSource<'kvs> for Attributes<'_, '_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let names_an_error = matches!(key.as_str(), "error" | "err" | "exception");
        value.visit(Attribute {
            sent: self.sent,
            is_error: self.takes_errors && names_an_error,
            key: key.as_str(),
        })
    }
}

struct Attribute<'a, 'b> {
    sent: &'a mut LogRecord<'b>,
    key: &'a str,
    is_error: bool,
}

impl<'v> VisitValue<'v> for Attribute<'_, '_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        if self.is_error {
            self.sent.error(ErrorReport::from_text(&value));
        } else {
            self.sent.display(self.key, &value);
        }
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.sent.int(self.key, value);
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        match i64::try_from(value) {
            Ok(value) => self.sent.int(self.key, value),
            Err(_) => self.sent.display(self.key, &value),
        };
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.sent.double(self.key, value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.sent.bool(self.key, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        if self.is_error {
            self.sent.error(ErrorReport::from_text(value));
        } else {
            self.sent.text(self.key, value);
        }
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn StdError + 'static)) -> Result<(), Error> {
        if self.is_error {
            self.sent.error(ErrorReport::from_dyn(error));
        } else {
            self.sent.display(self.key, error);
        }
        Ok(())
    }

    fn visit_borrowed_error(&mut self, error: &'v (dyn StdError + 'static)) -> Result<(), Error> {
        self.visit_error(error)
    }
}
