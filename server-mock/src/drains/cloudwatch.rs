//! What `CloudWatch` Logs sends through a subscription: many events of one log stream (see
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>).

use std::fmt::Display;

use serde_json::{Map, Value};

use super::Intake;
use super::object::{Fields, Shape, text};
use super::origin::service;
use super::value;
use crate::extract::Room;

const SHAPE: Shape = Shape {
    message: &["message"],
    time: &["timestamp"],
};

/// What the backend calls the fields that stand above the events.
const NAMES: [(&str, &str); 4] = [
    ("messageType", "message_type"),
    ("owner", "owner"),
    ("logGroup", "log_group"),
    ("logStream", "log_stream"),
];

/// The events, if it is a message of `CloudWatch`.
pub(super) fn events(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    object.get("messageType").and_then(text)?;
    object.get("logEvents")?.as_array()
}

/// Takes the events. A control message, by which AWS looks whether anybody listens, has none that somebody logged.
pub(super) fn take(
    object: &Map<String, Value>,
    events: &[Value],
    place: impl Display,
    room: &mut Room,
    intake: &mut Intake<'_>,
) {
    if object.get("messageType").and_then(text) == Some("CONTROL_MESSAGE") {
        return;
    }
    for event in events {
        let record = event.as_object().ok_or("a log event that is not an object");
        let record = record.map_err(str::to_owned).and_then(|event| {
            let mut record = Fields::new(event).record(&SHAPE);
            record.defaults.push(service("firehose.cloudwatch"));
            for (name, key) in NAMES {
                if let Some(value) = object.get(name) {
                    record.attributes.push(value::pair(key, value, room)?);
                }
            }
            Ok(record)
        });
        intake.take(&place, record);
    }
}
