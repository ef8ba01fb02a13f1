//! Log records to rows of `logs`, and of `errors` where they carry an exception.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use uuid::Uuid;

use super::errors::error;
use super::fields::Fields;
use super::{Arrival, Extracted, ids, severity, time};
use crate::rows::LogRow;

/// The rows of a request with log records.
pub(crate) fn extract_logs(request: &ExportLogsServiceRequest, arrival: Arrival<'_>) -> Extracted {
    let mut extracted = Extracted::default();
    for of_resource in &request.resource_logs {
        let resource = of_resource
            .resource
            .as_ref()
            .map_or(&[][..], |resource| &resource.attributes);
        for of_scope in &of_resource.scope_logs {
            let scope = of_scope
                .scope
                .as_ref()
                .map_or(&[][..], |scope| &scope.attributes);
            for record in &of_scope.log_records {
                if let Err(reason) = add(&mut extracted, record, [resource, scope], arrival) {
                    extracted.rejected.add(reason);
                }
            }
        }
    }
    extracted
}

fn add(
    extracted: &mut Extracted,
    record: &LogRecord,
    [resource, scope]: [&[KeyValue]; 2],
    arrival: Arrival<'_>,
) -> Result<(), String> {
    let mut fields = Fields::read(&[resource, scope, &record.attributes], arrival)?;
    let trace_id = ids::optional("trace id", &record.trace_id, 16)?;
    let span_id = ids::optional("span id", &record.span_id, 8)?;
    let timestamp_ns = time::stamp(
        &[record.time_unix_nano, record.observed_time_unix_nano],
        arrival.received_ns,
    );
    let body = fields
        .message
        .take()
        .unwrap_or_else(|| text(record.body.as_ref()));
    let level = fields
        .severity
        .take()
        .unwrap_or_else(|| record.severity_text.clone());
    extracted.cut_bodies += usize::from(!body.starts_with('<') && body.contains(" <"));
    let mut log = log_row(&mut fields, timestamp_ns, body, &level);
    log.trace_id = fields.trace_id.take().unwrap_or(trace_id);
    log.span_id = span_id;
    log.trace_flags = record.flags & 0xff;
    if fields.exception.is_error() {
        extracted.rows.errors.push(error(&fields, &log));
    }
    extracted.rows.logs.push(log);
    Ok(())
}

/// A log row outside any trace; the attributes move out of `fields`.
pub(super) fn log_row(fields: &mut Fields, timestamp_ns: i64, body: String, level: &str) -> LogRow {
    let (severity_text, severity_number) = severity::normalise(level);
    LogRow {
        timestamp_ns,
        uuid: Uuid::new_v4(),
        severity_text: severity_text.to_owned(),
        severity_number,
        service_name: fields.service_name.clone(),
        body,
        attributes: std::mem::take(&mut fields.attributes),
        project_id: fields.project_id,
        secure_session_id: fields.session.clone(),
        source: fields.source.clone(),
        service_version: fields.service_version.clone(),
        environment: fields.environment.clone(),
        ..LogRow::default()
    }
}

/// The backend takes string bodies only; any other is stored empty.
fn text(body: Option<&AnyValue>) -> String {
    match body.and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}
