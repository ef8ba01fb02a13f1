//! Spans to rows of `traces`, and their events to rows of `logs`, `errors` and `metrics_sum`.

use super::above::{Above, each_scope};
use super::attributes::Layer;
use super::errors::error;
use super::fields::Fields;
use super::ids::Id;
use super::logs::log;
use super::room::Bounds;
use super::{Arrival, Extracted, RowIds, time};
use crate::record::{self, Event, Link, Log, Span};
use crate::rows::{ErrorRow, Exemplar, MetricRow, MetricValue};
use crate::wire::{self, Malformed};

/// A span of this name only carries `log` events.
const CARRIER: &str = "highlight.log";

/// Adds the rows of a request with spans.
pub(crate) fn extract_spans(
    request: &[u8],
    arrival: &Arrival<'_>,
    extracted: &mut Extracted,
) -> Result<(), Malformed> {
    each_scope(request, |scope, above, bounds| {
        scope.each_record(|span: &mut wire::Span<'_>| {
            extracted.records += 1;
            let own = Layer::new(std::mem::take(&mut span.attributes));
            let events = span.events.iter_mut();
            let events: Vec<_> = events
                .map(|event| Layer::new(std::mem::take(&mut event.attributes)))
                .collect();
            let source = Source {
                span,
                above,
                own: &own,
                events: &events,
                arrival,
            };
            match source.rows(&mut extracted.ids, bounds) {
                Ok(rows) => rows.add_to(extracted, span.name),
                Err(reason) => extracted.rejected.add(reason),
            }
        })
    })
}

/// A span with what surrounds it.
struct Source<'r, 'a> {
    span: &'r wire::Span<'a>,
    above: &'r Above<'r, 'a>,
    own: &'r Layer<'a>,
    /// The attributes of each event.
    events: &'r [Layer<'a>],
    arrival: &'r Arrival<'r>,
}

/// Everything a span turns into.
struct Rows<'a> {
    span: Span<'a>,
    logs: Vec<Log<'a>>,
    errors: Vec<ErrorRow>,
    metrics: Vec<MetricRow>,
}

impl Rows<'_> {
    fn add_to(self, extracted: &mut Extracted, name: &str) {
        self.logs.iter().for_each(|log| extracted.log(log));
        if name != CARRIER {
            extracted.span(&self.span);
        }
        for error in self.errors {
            extracted.error(error);
        }
        for metric in self.metrics {
            extracted.metric(metric);
        }
    }
}

impl<'a> Source<'_, 'a> {
    /// Everything the span turns into, or why it cannot be taken.
    fn rows(&self, ids: &mut RowIds, bounds: &mut Bounds) -> Result<Rows<'a>, String> {
        let mut rows = Rows {
            span: self.span_row(ids, bounds)?,
            logs: Vec::new(),
            errors: Vec::new(),
            metrics: Vec::new(),
        };
        for (event, attributes) in self.span.events.iter().zip(self.events) {
            bounds.nested(attributes)?;
            let stays = match event.name {
                "log" => {
                    let fields = self.fields(attributes, bounds)?;
                    rows.logs.push(self.log(event, fields, &rows.span, ids));
                    false
                }
                "metric" => {
                    let metric = self.metric(event, attributes, &rows.span, bounds)?;
                    let stays = metric.is_none();
                    rows.metrics.extend(metric);
                    stays
                }
                "exception" => {
                    let fields = self.fields(attributes, bounds)?;
                    let mut log = self.log(event, fields, &rows.span, ids);
                    let message = &log.fields.exception.message;
                    if !message.is_empty() {
                        log.body.clone_from(message);
                        (log.severity_text, log.severity_number) = ("error", 17);
                        rows.errors.push(error(&log, ids.next()));
                        rows.logs.push(log);
                        rows.span.has_errors = true;
                    }
                    true
                }
                _ => true,
            };
            if stays {
                rows.span.events.push(Event {
                    timestamp_ns: time::stamp(&[event.time_unix_nano], self.arrival.received_ns),
                    name: event.name,
                    attributes: attributes.flat(),
                });
            }
        }
        Ok(rows)
    }

    fn span_row(&self, ids: &mut RowIds, bounds: &mut Bounds) -> Result<Span<'a>, String> {
        let span = self.span;
        bounds.nested(self.own)?;
        self.above.inherit(0, bounds)?;
        let layers = [self.above.resource, self.own, self.above.scope];
        let fields = Fields::read(&layers, self.arrival)?;
        let trace_id = Id::required("trace id", span.trace_id, 16)?;
        let duration = span
            .end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano);
        let links = span.links.iter().map(|sent| link(sent, bounds));
        let links: Result<_, String> = links.collect();
        Ok(Span {
            timestamp_ns: time::stamp(&[span.start_time_unix_nano], self.arrival.received_ns),
            uuid: ids.next(),
            trace_id: trace_id.or_as_told(&fields.trace_id),
            span_id: Id::required("span id", span.span_id, 8)?,
            parent_span_id: Id::optional("parent span id", span.parent_span_id, 8)?,
            trace_state: span.trace_state,
            name: span.name,
            kind: kind(span.kind),
            duration_ns: i64::try_from(duration).unwrap_or(i64::MAX),
            status_code: status_code(span.status_code),
            status_message: span.status_message,
            events: Vec::new(),
            links: links?,
            has_errors: false,
            fields,
        })
    }

    /// What is known of an event.
    fn fields(&self, attributes: &Layer<'a>, bounds: &mut Bounds) -> Result<Fields<'a>, String> {
        self.above.inherit(self.own.size(), bounds)?;
        let layers = [self.above.resource, self.own, attributes, self.above.scope];
        Fields::read(&layers, self.arrival)
    }

    /// The log that an event turns into.
    fn log(
        &self,
        event: &wire::Event<'a>,
        fields: Fields<'a>,
        span: &Span<'a>,
        ids: &mut RowIds,
    ) -> Log<'a> {
        let timestamp_ns = time::stamp(&[event.time_unix_nano], self.arrival.received_ns);
        Log {
            uuid: ids.next(),
            trace_id: span.trace_id.clone(),
            span_id: span.span_id.clone(),
            trace_flags: self.span.flags & 0xff,
            ..log(fields, timestamp_ns, "", "")
        }
    }

    /// The gauge that a `metric` event tells of, if it has a name and a number.
    fn metric(
        &self,
        event: &wire::Event<'a>,
        attributes: &Layer<'a>,
        span: &Span<'a>,
        bounds: &mut Bounds,
    ) -> Result<Option<MetricRow>, String> {
        let Some((name, value)) = reading(attributes) else {
            return Ok(None);
        };
        let fields = self.fields(attributes, bounds)?;
        let timestamp_ns = time::stamp(&[event.time_unix_nano], self.arrival.received_ns);
        let exemplar = Exemplar {
            timestamp_ns,
            value,
            span_id: span.span_id.to_string(),
            trace_id: span.trace_id.to_string(),
            secure_session_id: fields.session.to_string(),
            ..Exemplar::default()
        };
        Ok(Some(MetricRow {
            project_id: fields.project_id,
            service_name: fields.service_name.to_string(),
            name,
            description: String::new(),
            unit: String::new(),
            attributes: record::owned(&fields.attributes),
            start_timestamp_ns: 0,
            timestamp_ns,
            flags: 0,
            exemplars: vec![exemplar],
            value: MetricValue::Gauge(value),
        }))
    }
}

/// Name and value of a `metric` event.
fn reading(attributes: &Layer<'_>) -> Option<(String, f64)> {
    let flat = attributes.flat();
    let of = |name| {
        flat.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    Some((
        of("metric.name")?.to_string(),
        of("metric.value")?.parse().ok()?,
    ))
}

fn link<'a>(link: &wire::Link<'a>, bounds: &mut Bounds) -> Result<Link<'a>, String> {
    let attributes = Layer::new(link.attributes.clone());
    bounds.nested(&attributes)?;
    Ok(Link {
        trace_id: Id::required("link's trace id", link.trace_id, 16)?,
        span_id: Id::required("link's span id", link.span_id, 8)?,
        trace_state: link.trace_state,
        attributes: attributes.flat(),
    })
}

fn kind(kind: i32) -> &'static str {
    match kind {
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "Unspecified",
    }
}

fn status_code(code: i32) -> &'static str {
    match code {
        1 => "Ok",
        2 => "Error",
        _ => "Unset",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Pair, Value};

    fn layer<'a>(pairs: &[(&'a str, &'a str)]) -> Layer<'a> {
        let pairs = pairs.iter().map(|&(key, value)| Pair {
            key,
            value: Value::Text(value),
        });
        Layer::new(pairs.collect())
    }

    #[test]
    fn an_event_wins_over_its_span_and_the_scope_over_both() {
        let event = wire::Event {
            name: "log",
            ..wire::Event::default()
        };
        let span = wire::Span {
            trace_id: &[1; 16],
            span_id: &[2; 8],
            events: vec![event],
            ..wire::Span::default()
        };
        let resource = layer(&[
            ("highlight.project_id", "1"),
            ("a", "resource"),
            ("r", "resource"),
        ]);
        let scope = layer(&[("c", "scope")]);
        let mut bounds = Bounds::of(1_000);
        let inherited = bounds.above(&resource);
        let rows = Source {
            span: &span,
            above: &Above::new((&resource, inherited), &scope, &mut bounds),
            own: &layer(&[("a", "span"), ("b", "span"), ("c", "span")]),
            events: &[layer(&[("b", "event"), ("c", "event")])],
            arrival: &Arrival::new(0, None),
        }
        .rows(&mut RowIds::random(), &mut bounds)
        .unwrap();
        let values = |fields: &Fields<'_>| {
            let attributes = fields.attributes.iter();
            attributes
                .map(|(_, value)| value.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            values(&rows.span.fields),
            ["span", "span", "scope", "resource"]
        );
        assert_eq!(
            values(&rows.logs[0].fields),
            ["span", "event", "scope", "resource"]
        );
    }
}
