//! The keys that the backend takes out of the attributes, and what each becomes.

use std::borrow::Cow;

use super::Arrival;
use super::attributes::{Layer, Pairs, in_order, merge};

/// What a record's merged attributes say, with the consumed keys apart from the others. What is absent is empty.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) project_id: u32,
    pub(crate) session: Cow<'a, str>,
    /// Overrides the record's own trace id.
    pub(crate) trace_id: Cow<'a, str>,
    pub(crate) source: &'static str,
    /// Overrides the record's own severity.
    pub(crate) severity: Cow<'a, str>,
    /// Overrides the record's own body.
    pub(crate) message: Cow<'a, str>,
    pub(crate) url: Cow<'a, str>,
    pub(crate) environment: Cow<'a, str>,
    pub(crate) service_name: Cow<'a, str>,
    pub(crate) service_version: Cow<'a, str>,
    pub(crate) exception: Exception<'a>,
    pub(crate) attributes: Pairs<'a>,
}

/// The `exception.*` keys.
#[derive(Debug, Default)]
pub(crate) struct Exception<'a> {
    pub(crate) error_type: Cow<'a, str>,
    pub(crate) message: Cow<'a, str>,
    pub(crate) stacktrace: Cow<'a, str>,
    pub(crate) structured: Cow<'a, str>,
    /// The others, such as `exception.chain.0`.
    pub(crate) rest: Pairs<'a>,
}

impl<'a> Fields<'a> {
    /// Merges layers of attributes, the later one winning, and takes the consumed keys out.
    ///
    /// The error is why the record cannot be taken.
    pub(super) fn read(layers: &[&Layer<'a>], arrival: &Arrival<'_>) -> Result<Self, String> {
        let mut fields = Self {
            attributes: Pairs::with_capacity(layers.iter().map(|layer| layer.len()).sum()),
            ..Self::default()
        };
        // By the names of the same thing: the last one that is there counts.
        let (mut project, mut source) = (Cow::default(), [Cow::default(), Cow::default()]);
        let (mut session, mut environment) = (source.clone(), source.clone());
        let mut severity = [Cow::default(), Cow::default(), Cow::default()];
        let mut message = source.clone();
        merge(layers, |key, value| match &*key {
            "highlight.project_id" => project = value,
            "highlight_session_id" => session[0] = value,
            "highlight.session_id" => session[1] = value,
            "highlight.trace_id" => fields.trace_id = value,
            "Source" => source[0] = value,
            "highlight.source" => source[1] = value,
            "level" => severity[0] = value,
            "severity" => severity[1] = value,
            "log.severity" => severity[2] = value,
            "message" => message[0] = value,
            "log.message" => message[1] = value,
            "URL" => fields.url = value,
            "deployment.environment" => environment[0] = value,
            "environment" => environment[1] = value,
            "service.name" => fields.service_name = value,
            "service.version" => fields.service_version = value,
            "metric.name" | "metric.value" => {}
            name if name.starts_with("exception.") => fields.exception.put(key, value),
            _ => fields.attributes.push((key, value)),
        });
        in_order(&mut fields.attributes);
        in_order(&mut fields.exception.rest);
        let sent = arrival.project.unwrap_or(&project);
        fields.project_id = arrival.projects.number(sent)?;
        fields.source = match &*last(source) {
            "frontend" => "frontend",
            _ => "backend",
        };
        fields.session = last(session);
        fields.severity = last(severity);
        fields.message = last(message);
        fields.environment = last(environment);
        Ok(fields)
    }
}

fn last<const N: usize>(names: [Cow<'_, str>; N]) -> Cow<'_, str> {
    let found = names.into_iter().rev().find(|value| !value.is_empty());
    found.unwrap_or_default()
}

impl<'a> Exception<'a> {
    fn put(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) {
        match &*key {
            "exception.type" => self.error_type = value,
            "exception.message" => self.message = value,
            "exception.stacktrace" => self.stacktrace = value,
            "exception.structured_stacktrace" => self.structured = value,
            _ => self.rest.push((key, value)),
        }
    }

    /// Whether a log record with these is an error.
    pub(crate) fn is_error(&self) -> bool {
        !self.error_type.is_empty() || !self.message.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Pair, Value};

    fn read<'a>(pairs: &[(&'a str, &'a str)], header: Option<&str>) -> Result<Fields<'a>, String> {
        let pairs = pairs.iter().map(|&(key, value)| Pair {
            key,
            value: Value::Text(value),
        });
        Fields::read(&[&Layer::new(pairs.collect())], &Arrival::new(0, header))
    }

    #[test]
    fn the_project_header_wins_over_the_attribute() {
        let attribute = [("highlight.project_id", "1")];
        assert_eq!(
            read(&attribute, None).map(|fields| fields.project_id),
            Ok(1)
        );
        assert_eq!(
            read(&attribute, Some("56gl9g91")).map(|fields| fields.project_id),
            Ok(2)
        );
        assert_eq!(
            read(&attribute, Some("x")).unwrap_err(),
            "the unusable project id `x`"
        );
        assert_eq!(read(&[], None).unwrap_err(), "no project id");
    }

    #[test]
    fn consumed_keys_leave_the_attributes_and_the_later_name_wins() {
        let fields = read(
            &[
                ("highlight.project_id", "1"),
                ("highlight_session_id", "old"),
                ("highlight.session_id", "new"),
                ("highlight.trace_id", "t"),
                ("highlight.source", "frontend"),
                ("level", "1"),
                ("severity", "2"),
                ("log.severity", "3"),
                ("message", "1"),
                ("log.message", "2"),
                ("metric.name", "m"),
                ("metric.value", "1"),
                ("exception.type", "T"),
                ("exception.message", "M"),
                ("exception.stacktrace", "S"),
                ("exception.chain.0", "C"),
                ("URL", "u"),
                ("deployment.environment", "old"),
                ("environment", "new"),
                ("service.name", "n"),
                ("service.version", "v"),
                ("deployment.environment.name", "kept"),
                ("exceptional", "kept"),
            ],
            None,
        )
        .unwrap();
        assert_eq!(fields.session, "new");
        assert_eq!(fields.trace_id, "t");
        assert_eq!(fields.source, "frontend");
        assert_eq!(fields.severity, "3");
        assert_eq!(fields.message, "2");
        assert_eq!(fields.environment, "new");
        assert_eq!(fields.exception.error_type, "T");
        assert_eq!(keys(&fields.exception.rest), ["exception.chain.0"]);
        assert_eq!(
            keys(&fields.attributes),
            ["deployment.environment.name", "exceptional"]
        );
    }

    fn keys<'p>(pairs: &'p Pairs<'_>) -> Vec<&'p str> {
        pairs.iter().map(|(key, _)| &**key).collect()
    }

    #[test]
    fn what_a_map_flattens_to_is_sorted_in_and_loses_to_what_was_sent_flat() {
        let map = vec![
            Pair {
                key: "z",
                value: Value::Text("nested"),
            },
            Pair {
                key: "b",
                value: Value::Text("nested"),
            },
        ];
        let pairs = vec![
            Pair {
                key: "highlight.project_id",
                value: Value::Int(1),
            },
            Pair {
                key: "a",
                value: Value::Map(map),
            },
            Pair {
                key: "a.b",
                value: Value::Text("flat"),
            },
            Pair {
                key: "a.c",
                value: Value::Text("flat"),
            },
        ];
        let fields = Fields::read(&[&Layer::new(pairs)], &Arrival::new(0, None)).unwrap();
        let found: Vec<_> = fields
            .attributes
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(found, ["a.b=flat", "a.c=flat", "a.z=nested"]);
    }
}
