//! What is read in place is what prost reads, whatever the request.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Sent;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{self as logs, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as trace, ResourceSpans, ScopeSpans, span};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

use super::{Event, Group, Link, LogRecord, Malformed, Pair, Span};
use crate::extract::{pair, value};

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(Sent::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Sent::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Sent::IntValue(value))),
        (-1e300..1e300).prop_map(|value| Some(Sent::DoubleValue(value))),
        vec(any::<u8>(), 0..4).prop_map(|value| Some(Sent::BytesValue(value))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list =
            vec(inner.clone(), 0..3).prop_map(|values| Sent::ArrayValue(ArrayValue { values }));
        let map = vec(key_value(inner), 0..3)
            .prop_map(|values| Sent::KvlistValue(KeyValueList { values }));
        prop_oneof![list, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    ("[a-c.]{0,3}", option::of(value)).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..KeyValue::default()
    })
}

fn key_values() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(any_value()), 0..4)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..17)
}

fn log() -> impl Strategy<Value = logs::LogRecord> {
    let numbers = any::<(u64, u64, u32)>();
    (
        numbers,
        "[a-z]{0,5}",
        option::of(any_value()),
        key_values(),
        bytes(),
        bytes(),
    )
        .prop_map(
            |((time, observed, flags), severity_text, body, attributes, trace_id, span_id)| {
                logs::LogRecord {
                    time_unix_nano: time,
                    observed_time_unix_nano: observed,
                    severity_number: 9,
                    severity_text,
                    body,
                    attributes,
                    dropped_attributes_count: 1,
                    flags,
                    trace_id,
                    span_id,
                    event_name: "ignored".to_owned(),
                }
            },
        )
}

fn span() -> impl Strategy<Value = trace::Span> {
    let event =
        (any::<u64>(), ".{0,5}", key_values()).prop_map(|(time, name, attributes)| span::Event {
            time_unix_nano: time,
            name,
            attributes,
            dropped_attributes_count: 1,
        });
    let link = (bytes(), bytes(), ".{0,5}", key_values()).prop_map(
        |(trace_id, span_id, trace_state, attributes)| span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            ..span::Link::default()
        },
    );
    let status = (".{0,5}", 0..4).prop_map(|(message, code)| trace::Status { message, code });
    let ids = (bytes(), bytes(), bytes());
    let numbers = (any::<(u64, u64, u32)>(), -2..7);
    let rest = (
        key_values(),
        vec(event, 0..3),
        vec(link, 0..3),
        option::of(status),
    );
    (ids, numbers, (".{0,5}", ".{0,5}"), rest).prop_map(
        |(
            (trace_id, span_id, parent_span_id),
            ((start, end, flags), kind),
            (name, state),
            rest,
        )| {
            trace::Span {
                trace_id,
                span_id,
                trace_state: state,
                parent_span_id,
                flags,
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                attributes: rest.0,
                events: rest.1,
                links: rest.2,
                status: rest.3,
                ..trace::Span::default()
            }
        },
    )
}

fn pairs(sent: &[KeyValue]) -> Vec<Pair<'_>> {
    sent.iter().map(pair).collect()
}

fn expected_log(sent: &logs::LogRecord) -> LogRecord<'_> {
    LogRecord {
        time_unix_nano: sent.time_unix_nano,
        observed_time_unix_nano: sent.observed_time_unix_nano,
        severity_text: &sent.severity_text,
        body: sent.body.as_ref().map(value).unwrap_or_default(),
        attributes: pairs(&sent.attributes),
        flags: sent.flags,
        trace_id: &sent.trace_id,
        span_id: &sent.span_id,
    }
}

fn expected_span(sent: &trace::Span) -> Span<'_> {
    let status = sent.status.as_ref();
    let events = sent.events.iter().map(|event| Event {
        time_unix_nano: event.time_unix_nano,
        name: &event.name,
        attributes: pairs(&event.attributes),
    });
    let links = sent.links.iter().map(|link| Link {
        trace_id: &link.trace_id,
        span_id: &link.span_id,
        trace_state: &link.trace_state,
        attributes: pairs(&link.attributes),
    });
    Span {
        trace_id: &sent.trace_id,
        span_id: &sent.span_id,
        trace_state: &sent.trace_state,
        parent_span_id: &sent.parent_span_id,
        flags: sent.flags,
        name: &sent.name,
        kind: sent.kind,
        start_time_unix_nano: sent.start_time_unix_nano,
        end_time_unix_nano: sent.end_time_unix_nano,
        attributes: pairs(&sent.attributes),
        events: events.collect(),
        links: links.collect(),
        status_message: status.map_or("", |status| &status.message),
        status_code: status.map_or(0, |status| status.code),
    }
}

/// The attributes of a resource and of a scope, and what is under them.
type Found<'a, R> = (Vec<Pair<'a>>, Vec<Pair<'a>>, Vec<R>);

/// The records of a request, each under the attributes of its resource and scope.
fn read<'a, R: super::otlp::Record<'a>>(request: &'a [u8]) -> Result<Vec<Found<'a, R>>, Malformed> {
    let mut scopes = Vec::new();
    Group::each(request, |group| {
        group.each_scope(|scope| {
            let mut records = Vec::new();
            scope.each_record(|record| records.push(std::mem::take(record)))?;
            scopes.push((group.attributes.clone(), scope.attributes, records));
            Ok(())
        })
    })?;
    Ok(scopes)
}

fn above(
    resource: &[KeyValue],
    scope: &[KeyValue],
) -> (Option<Resource>, Option<InstrumentationScope>) {
    let resource = Resource {
        attributes: resource.to_vec(),
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "scope".to_owned(),
        attributes: scope.to_vec(),
        ..InstrumentationScope::default()
    };
    (Some(resource), Some(scope))
}

proptest! {
    #[test]
    fn logs_are_read_as_prost_reads_them(
        records in vec(log(), 0..3), resource in key_values(), scope in key_values(), cut in any::<prop::sample::Index>()
    ) {
        let expected: Vec<_> = records.iter().map(expected_log).collect();
        let (of_resource, of_scope) = above(&resource, &scope);
        let scope_logs = vec![ScopeLogs { scope: of_scope, log_records: records.clone(), schema_url: "s".to_owned() }];
        let resource_logs = vec![ResourceLogs { resource: of_resource, scope_logs, schema_url: "s".to_owned() }];
        let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
        prop_assert_eq!(read(&request), Ok(vec![(pairs(&resource), pairs(&scope), expected)]));
        let cut = &request[..cut.index(request.len())];
        prop_assert_eq!(read::<LogRecord<'_>>(cut).is_ok(), ExportLogsServiceRequest::decode(cut).is_ok());
    }

    #[test]
    fn spans_are_read_as_prost_reads_them(
        records in vec(span(), 0..3), resource in key_values(), scope in key_values(), cut in any::<prop::sample::Index>()
    ) {
        let expected: Vec<_> = records.iter().map(expected_span).collect();
        let (of_resource, of_scope) = above(&resource, &scope);
        let scope_spans = vec![ScopeSpans { scope: of_scope, spans: records.clone(), schema_url: "s".to_owned() }];
        let resource_spans = vec![ResourceSpans { resource: of_resource, scope_spans, schema_url: "s".to_owned() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        prop_assert_eq!(read(&request), Ok(vec![(pairs(&resource), pairs(&scope), expected)]));
        let cut = &request[..cut.index(request.len())];
        prop_assert_eq!(read::<Span<'_>>(cut).is_ok(), ExportTraceServiceRequest::decode(cut).is_ok());
    }
}

#[test]
fn lists_in_lists_without_end_are_refused() {
    let mut value = AnyValue { value: None };
    for _ in 0..100 {
        let list = ArrayValue {
            values: vec![value],
        };
        value = AnyValue {
            value: Some(Sent::ArrayValue(list)),
        };
    }
    let record = logs::LogRecord {
        body: Some(value),
        ..logs::LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: vec![record],
        ..ScopeLogs::default()
    }];
    let resource_logs = vec![ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    assert_eq!(
        read::<LogRecord<'_>>(&request).unwrap_err(),
        Malformed::Depth
    );
}
