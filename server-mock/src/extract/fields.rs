//! The keys that the backend takes out of the attributes, and what each becomes.

use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{Arrival, attributes, project};
use crate::rows::Attributes;

/// What a record's merged attributes say, with the consumed keys apart from the others.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) project_id: u32,
    pub(super) session: String,
    /// Overrides the record's own trace id.
    pub(super) trace_id: Option<String>,
    pub(super) source: String,
    /// Overrides the record's own severity.
    pub(super) severity: Option<String>,
    /// Overrides the record's own body.
    pub(super) message: Option<String>,
    pub(super) url: String,
    pub(super) environment: String,
    pub(super) service_name: String,
    pub(super) service_version: String,
    pub(super) exception: Exception,
    pub(super) attributes: Attributes,
}

/// The `exception.*` keys.
#[derive(Debug, Default)]
pub(super) struct Exception {
    pub(super) error_type: String,
    pub(super) message: String,
    pub(super) stacktrace: String,
    pub(super) structured: String,
    /// The others, such as `exception.chain.0`.
    pub(super) rest: Attributes,
}

impl Fields {
    /// Merges layers of attributes, the later one winning, and takes the consumed keys out.
    ///
    /// The error is why the record cannot be taken.
    pub(super) fn read(layers: &[&[KeyValue]], arrival: Arrival<'_>) -> Result<Self, String> {
        let mut rest = attributes::merge(layers);
        // Every name is taken out; the last one that is there counts.
        let mut take = |names: &[&str]| names.iter().filter_map(|name| rest.remove(*name)).last();
        let sent = take(&["highlight.project_id"]);
        let sent = arrival.project.or(sent.as_deref()).ok_or("no project id")?;
        let project_id =
            project::parse(sent).ok_or_else(|| format!("the unusable project id `{sent}`"))?;
        let source = take(&["Source", "highlight.source"]).filter(|source| source == "frontend");
        let fields = Self {
            project_id,
            session: take(&["highlight_session_id", "highlight.session_id"]).unwrap_or_default(),
            trace_id: take(&["highlight.trace_id"]),
            source: source.unwrap_or_else(|| "backend".to_owned()),
            severity: take(&["level", "severity", "log.severity"]),
            message: take(&["message", "log.message"]),
            url: take(&["URL"]).unwrap_or_default(),
            environment: take(&["deployment.environment", "environment"]).unwrap_or_default(),
            service_name: take(&["service.name"]).unwrap_or_default(),
            service_version: take(&["service.version"]).unwrap_or_default(),
            exception: Exception::default(),
            attributes: Attributes::new(),
        };
        take(&["metric.name", "metric.value"]);
        Ok(Self {
            exception: Exception::take(&mut rest),
            attributes: rest,
            ..fields
        })
    }
}

impl Exception {
    fn take(attributes: &mut Attributes) -> Self {
        // `.` is followed by `/`, so this is where keys that start with `exception.` end.
        let mut rest = attributes.split_off("exception.");
        attributes.append(&mut rest.split_off("exception/"));
        let mut take = |name| rest.remove(name).unwrap_or_default();
        Self {
            error_type: take("exception.type"),
            message: take("exception.message"),
            stacktrace: take("exception.stacktrace"),
            structured: take("exception.structured_stacktrace"),
            rest,
        }
    }

    /// Whether a log record with these is an error.
    pub(super) fn is_error(&self) -> bool {
        !self.error_type.is_empty() || !self.message.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::attributes::tests::text;
    use super::*;

    fn read(pairs: &[(&str, &str)], header: Option<&str>) -> Result<Fields, String> {
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| text(key, value)).collect();
        Fields::read(
            &[&pairs],
            Arrival {
                received_ns: 0,
                project: header,
            },
        )
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
        assert_eq!(fields.trace_id.as_deref(), Some("t"));
        assert_eq!(fields.source, "frontend");
        assert_eq!(fields.severity.as_deref(), Some("3"));
        assert_eq!(fields.message.as_deref(), Some("2"));
        assert_eq!(fields.environment, "new");
        assert_eq!(fields.exception.error_type, "T");
        assert_eq!(
            fields.exception.rest.keys().collect::<Vec<_>>(),
            ["exception.chain.0"]
        );
        assert_eq!(
            fields.attributes.keys().collect::<Vec<_>>(),
            ["deployment.environment.name", "exceptional"]
        );
    }
}
