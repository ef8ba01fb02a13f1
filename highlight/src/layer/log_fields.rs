//! Events that `tracing-log` makes of the `log` crate's records: their place is in fields, not in the metadata.

use std::fmt::Debug;

use tracing::Event;
use tracing::field::{Field, Visit};

use crate::export::log_record::Location;

/// Where a `log` record was made.
#[derive(Debug, Default)]
pub(super) struct LogPlace {
    target: String,
    file: Option<String>,
    line: Option<u32>,
}

impl LogPlace {
    /// The place of the record that `event` was made of; none when it is an event of `tracing`'s own under the same target.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let mut place = LogPlace::default();
        event.record(&mut place);
        (!place.target.is_empty()).then_some(place)
    }

    pub(super) fn location(&self) -> Location<'_> {
        Location {
            target: &self.target,
            file: self.file.as_deref(),
            line: self.line,
        }
    }
}

impl Visit for LogPlace {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => value.clone_into(&mut self.target),
            "log.file" => self.file = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
