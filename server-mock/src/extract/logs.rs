//! Log records to rows of `logs`, and of `errors` where they carry an exception.

use std::borrow::Cow;

use super::above::{Above, each_scope};
use super::attributes::Layer;
use super::errors::error;
use super::fields::Fields;
use super::ids::Id;
use super::room::Bounds;
use super::{Arrival, Extracted, severity, time};
use crate::record::Log;
use crate::wire::{LogRecord, Malformed, Value};

/// Adds the rows of a request with log records.
pub(crate) fn extract_logs(
    request: &[u8],
    arrival: &Arrival<'_>,
    extracted: &mut Extracted,
) -> Result<(), Malformed> {
    each_scope(request, |scope, above, bounds| {
        scope.each_record(|record| {
            extracted.records += 1;
            if let Err(reason) = add(extracted, record, above, bounds, arrival) {
                extracted.rejected.add(reason);
            }
        })
    })
}

fn add<'a>(
    extracted: &mut Extracted,
    record: &mut LogRecord<'a>,
    above: &Above<'_, 'a>,
    bounds: &mut Bounds,
    arrival: &Arrival<'_>,
) -> Result<(), String> {
    let own = Layer::new(std::mem::take(&mut record.attributes));
    bounds.nested(&own)?;
    above.inherit(0, bounds)?;
    let fields = Fields::read(&[above.resource, above.scope, &own], arrival)?;
    let trace_id = Id::optional("trace id", record.trace_id, 16)?.or_as_told(&fields.trace_id);
    let span_id = Id::optional("span id", record.span_id, 8)?;
    let timestamp_ns = time::stamp(
        &[record.time_unix_nano, record.observed_time_unix_nano],
        arrival.received_ns,
    );
    let mut log = log(
        fields,
        timestamp_ns,
        record.severity_text,
        text(&record.body),
    );
    (log.trace_id, log.span_id) = (trace_id, span_id);
    log.trace_flags = record.flags & 0xff;
    put(extracted, log);
    Ok(())
}

/// Adds the row of a log, and that of the error it tells of.
pub(super) fn put(extracted: &mut Extracted, mut log: Log<'_>) {
    log.uuid = extracted.ids.next();
    let body = &log.body;
    extracted.cut_bodies += usize::from(!body.starts_with('<') && body.contains(" <"));
    if log.fields.exception.is_error() {
        let error = error(&log, extracted.ids.next());
        extracted.error(error);
    }
    extracted.log(&log);
}

/// A log outside any trace and without a row id; its attributes win over the level and body that were sent apart.
pub(super) fn log<'a>(
    mut fields: Fields<'a>,
    timestamp_ns: i64,
    level: &str,
    body: &'a str,
) -> Log<'a> {
    let level = if fields.severity.is_empty() {
        level
    } else {
        &fields.severity
    };
    let (severity_text, severity_number) = severity::normalise(level);
    let told = std::mem::take(&mut fields.message);
    Log {
        timestamp_ns,
        severity_text,
        severity_number,
        body: if told.is_empty() {
            Cow::Borrowed(body)
        } else {
            told
        },
        fields,
        ..Log::default()
    }
}

/// The backend takes string bodies only; any other is stored empty.
fn text<'a>(body: &Value<'a>) -> &'a str {
    match body {
        Value::Text(text) => text,
        _ => "",
    }
}
