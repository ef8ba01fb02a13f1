//! Log records that came in another form than OTLP, to the same rows.

use std::borrow::Cow;
use std::fmt::Display;

use super::attributes::Layer;
use super::fields::Fields;
use super::ids::Id;
use super::{Arrival, Extracted, logs, time};
use crate::wire::Pair;

/// A log record, whatever it was written in.
#[derive(Debug, Default)]
pub(crate) struct Drained<'a> {
    /// In nanoseconds since 1970; 0 when it is not known.
    pub(crate) timestamp_ns: u64,
    /// What it says of its level: empty when it says nothing.
    pub(crate) level: &'a str,
    /// What it says: empty when an attribute may say it.
    pub(crate) body: &'a str,
    /// As hex digits, or empty.
    pub(crate) trace_id: Cow<'a, str>,
    /// As hex digits, or empty.
    pub(crate) span_id: Cow<'a, str>,
    /// What holds where it says nothing itself.
    pub(crate) defaults: Vec<Pair<'a>>,
    /// What it says besides.
    pub(crate) attributes: Vec<Pair<'a>>,
    /// What its request says for all its records, whatever they say.
    pub(crate) given: Vec<Pair<'a>>,
}

impl Extracted {
    /// Adds the rows of a record, or the reason why there are none; `place` is where in the request it is.
    pub(crate) fn take(
        &mut self,
        record: Result<Drained<'_>, String>,
        place: impl Display,
        arrival: &Arrival<'_>,
    ) {
        self.records += 1;
        let taken = record.and_then(|record| self.add(record, arrival));
        if let Err(reason) = taken {
            self.rejected.add_at(place, reason);
        }
    }

    fn add(&mut self, record: Drained<'_>, arrival: &Arrival<'_>) -> Result<(), String> {
        let layers = [record.defaults, record.attributes, record.given].map(Layer::new);
        let mut fields = Fields::read(&layers.each_ref(), arrival)?;
        // What was found to be the level and the body is not overridden by a field that is only called so.
        if !record.level.is_empty() {
            fields.severity = Cow::default();
        }
        if !record.body.is_empty() {
            fields.message = Cow::default();
        }
        let timestamp_ns = time::stamp(&[record.timestamp_ns], arrival.received_ns);
        let trace_id = id(record.trace_id).or_as_told(&fields.trace_id);
        let mut log = logs::log(fields, timestamp_ns, record.level, record.body);
        (log.trace_id, log.span_id) = (trace_id, id(record.span_id));
        logs::put(self, log);
        Ok(())
    }
}

fn id(digits: Cow<'_, str>) -> Id<'_> {
    if digits.is_empty() {
        Id::Absent
    } else {
        Id::Text(digits)
    }
}
