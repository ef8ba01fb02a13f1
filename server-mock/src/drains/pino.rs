//! What pino sends: its names of the common fields, and batches as `pino-http-send` makes them.

use serde_json::{Map, Value};

use super::object::Shape;

pub(super) const SHAPE: Shape = Shape {
    message: &["msg", "message"],
    time: &["time", "timestamp"],
};

/// The records of a batch, `{"logs":[{"level":30,"time":1691719960798,"msg":"…"},…]}`. An object with a message is a record
/// itself, whatever else it has.
pub(super) fn batch(object: &Map<String, Value>) -> Option<Vec<&Map<String, Value>>> {
    let logs = object.get("logs")?.as_array()?;
    if logs.is_empty() || object.contains_key("message") || object.contains_key("msg") {
        return None;
    }
    logs.iter().map(Value::as_object).collect()
}
