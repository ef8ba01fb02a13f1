//! Spans to rows of `traces`, and their events to rows of `logs` and `errors`.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use uuid::Uuid;

use super::attributes::flatten;
use super::errors::error;
use super::fields::Fields;
use super::logs::log_row;
use super::{Arrival, Extracted, ids, time};
use crate::rows::{Exemplar, LogRow, MetricRow, MetricValue, Rows, SpanEvent, SpanLink, SpanRow};

/// A span of this name only carries `log` events.
const CARRIER: &str = "highlight.log";

/// The rows of a request with spans.
pub(crate) fn extract_spans(
    request: &ExportTraceServiceRequest,
    arrival: Arrival<'_>,
) -> Extracted {
    let mut extracted = Extracted::default();
    for of_resource in &request.resource_spans {
        let resource = of_resource
            .resource
            .as_ref()
            .map_or(&[][..], |resource| &resource.attributes);
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope
                .scope
                .as_ref()
                .map_or(&[][..], |scope| &scope.attributes);
            for span in &of_scope.spans {
                match (Source {
                    span,
                    resource,
                    scope,
                    arrival,
                })
                .rows()
                {
                    Ok(mut rows) => {
                        extracted.rows.logs.append(&mut rows.logs);
                        extracted.rows.spans.append(&mut rows.spans);
                        extracted.rows.errors.append(&mut rows.errors);
                        extracted.rows.metrics.append(&mut rows.metrics);
                    }
                    Err(reason) => extracted.rejected.add(reason),
                }
            }
        }
    }
    extracted
}

/// A span with what surrounds it.
struct Source<'a> {
    span: &'a Span,
    resource: &'a [KeyValue],
    scope: &'a [KeyValue],
    arrival: Arrival<'a>,
}

impl Source<'_> {
    /// Everything the span turns into, or why it cannot be taken.
    fn rows(&self) -> Result<Rows, String> {
        let mut rows = Rows::default();
        let mut row = self.span_row()?;
        for event in &self.span.events {
            match event.name.as_str() {
                "log" => rows.logs.push(self.log(event, &row)?.0),
                "metric" => rows.metrics.extend(self.metric(event, &row)?),
                "exception" => {
                    let (mut log, fields) = self.log(event, &row)?;
                    if !fields.exception.message.is_empty() {
                        log.body.clone_from(&fields.exception.message);
                        (log.severity_text, log.severity_number) = ("error".to_owned(), 17);
                        rows.errors.push(error(&fields, &log));
                        rows.logs.push(log);
                        row.has_errors = true;
                    }
                }
                _ => {}
            }
        }
        if self.span.name != CARRIER {
            rows.spans.push(row);
        }
        Ok(rows)
    }

    fn span_row(&self) -> Result<SpanRow, String> {
        let span = self.span;
        let fields = Fields::read(&[self.resource, &span.attributes, self.scope], self.arrival)?;
        let trace_id = ids::required("trace id", &span.trace_id, 16)?;
        let status = span.status.clone().unwrap_or_default();
        let duration = span
            .end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano);
        let events = span.events.iter().filter(|event| !is_data(event));
        let links: Result<_, _> = span.links.iter().map(link).collect();
        Ok(SpanRow {
            timestamp_ns: time::stamp(&[span.start_time_unix_nano], self.arrival.received_ns),
            uuid: Uuid::new_v4(),
            trace_id: fields.trace_id.unwrap_or(trace_id),
            span_id: ids::required("span id", &span.span_id, 8)?,
            parent_span_id: ids::optional("parent span id", &span.parent_span_id, 8)?,
            trace_state: span.trace_state.clone(),
            project_id: fields.project_id,
            secure_session_id: fields.session,
            name: span.name.clone(),
            kind: kind(span.kind()).to_owned(),
            duration_ns: i64::try_from(duration).unwrap_or(i64::MAX),
            service_name: fields.service_name,
            service_version: fields.service_version,
            environment: fields.environment,
            status_code: status_code(status.code()).to_owned(),
            status_message: status.message,
            attributes: fields.attributes,
            events: events.map(|event| self.event(event)).collect(),
            links: links?,
            has_errors: false,
        })
    }

    fn event(&self, event: &Event) -> SpanEvent {
        SpanEvent {
            timestamp_ns: time::stamp(&[event.time_unix_nano], self.arrival.received_ns),
            name: event.name.clone(),
            attributes: flatten(&event.attributes),
        }
    }

    /// The log row that an event turns into, and the fields it was made from.
    fn log(&self, event: &Event, span: &SpanRow) -> Result<(LogRow, Fields), String> {
        let layers = [
            self.resource,
            &self.span.attributes,
            &event.attributes,
            self.scope,
        ];
        let mut fields = Fields::read(&layers, self.arrival)?;
        let timestamp_ns = time::stamp(&[event.time_unix_nano], self.arrival.received_ns);
        let body = fields.message.take().unwrap_or_default();
        let level = fields.severity.take().unwrap_or_default();
        let mut log = log_row(&mut fields, timestamp_ns, body, &level);
        log.trace_id.clone_from(&span.trace_id);
        log.span_id.clone_from(&span.span_id);
        log.trace_flags = self.span.flags & 0xff;
        Ok((log, fields))
    }

    /// The gauge that a `metric` event tells of, if it has a name and a number.
    fn metric(&self, event: &Event, span: &SpanRow) -> Result<Option<MetricRow>, String> {
        let Some((name, value)) = reading(event) else {
            return Ok(None);
        };
        let layers = [
            self.resource,
            &self.span.attributes,
            &event.attributes,
            self.scope,
        ];
        let fields = Fields::read(&layers, self.arrival)?;
        let timestamp_ns = time::stamp(&[event.time_unix_nano], self.arrival.received_ns);
        let exemplar = Exemplar {
            timestamp_ns,
            value,
            span_id: span.span_id.clone(),
            trace_id: span.trace_id.clone(),
            secure_session_id: fields.session,
            ..Exemplar::default()
        };
        Ok(Some(MetricRow {
            project_id: fields.project_id,
            service_name: fields.service_name,
            name,
            description: String::new(),
            unit: String::new(),
            attributes: fields.attributes,
            start_timestamp_ns: 0,
            timestamp_ns,
            flags: 0,
            exemplars: vec![exemplar],
            value: MetricValue::Gauge(value),
        }))
    }
}

/// Whether the event is a row of its own instead of staying with its span.
fn is_data(event: &Event) -> bool {
    event.name == "log" || reading(event).is_some()
}

/// Name and value of a `metric` event.
fn reading(event: &Event) -> Option<(String, f64)> {
    let mut attributes = (event.name == "metric").then(|| flatten(&event.attributes))?;
    let value = attributes.remove("metric.value")?.parse().ok()?;
    Some((attributes.remove("metric.name")?, value))
}

fn link(link: &Link) -> Result<SpanLink, String> {
    Ok(SpanLink {
        trace_id: ids::required("link's trace id", &link.trace_id, 16)?,
        span_id: ids::required("link's span id", &link.span_id, 8)?,
        trace_state: link.trace_state.clone(),
        attributes: flatten(&link.attributes),
    })
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

fn status_code(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::super::attributes::tests::text;
    use super::*;

    #[test]
    fn an_event_wins_over_its_span_and_the_scope_over_both() {
        let event = Event {
            name: "log".to_owned(),
            attributes: vec![text("b", "event"), text("c", "event")],
            ..Event::default()
        };
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            attributes: vec![text("a", "span"), text("b", "span"), text("c", "span")],
            events: vec![event],
            ..Span::default()
        };
        let resource = [
            text("highlight.project_id", "1"),
            text("a", "resource"),
            text("r", "resource"),
        ];
        let scope = [text("c", "scope")];
        let arrival = Arrival {
            received_ns: 0,
            project: None,
        };
        let rows = Source {
            span: &span,
            resource: &resource,
            scope: &scope,
            arrival,
        }
        .rows()
        .unwrap();
        let values =
            |attributes: &crate::Attributes| attributes.values().cloned().collect::<Vec<_>>();
        assert_eq!(
            values(&rows.spans[0].attributes),
            ["span", "span", "scope", "resource"]
        );
        assert_eq!(
            values(&rows.logs[0].attributes),
            ["span", "event", "scope", "resource"]
        );
    }
}
