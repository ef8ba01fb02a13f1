//! A JSON object as a log record: the fields that every log has, and the others as attributes.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::value;
use super::{clock, level};
use crate::extract::{Drained, Room};
use crate::wire::{Pair, Value};

/// The longest JSON document, in bytes: parsed, a list of small numbers takes many times as much.
const LONGEST: usize = 16 * 1024 * 1024;

/// Why a text is no JSON object, and where that shows.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) reason: String,
    pub(super) line: usize,
    /// 0 when all of it shows it.
    column: usize,
}

impl Unread {
    /// The place in the body, of which the text is this line.
    pub(super) fn place(&self, line: usize) -> String {
        match self.column {
            0 => format!("line {line}"),
            column => format!("line {line}, column {column}"),
        }
    }
}

/// Reads an object.
pub(super) fn parse(text: &str) -> Result<Map<String, Json>, Unread> {
    fits(text).map_err(|reason| Unread {
        reason,
        line: 1,
        column: 0,
    })?;
    serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        let reason = if told.starts_with("trailing characters") {
            "text behind the object (several need a line each, and content-type application/x-ndjson)"
                .to_owned()
        } else if told.starts_with("recursion limit exceeded") {
            value::too_deep()
        } else if error.is_data() {
            "JSON that is not an object".to_owned()
        } else {
            "text that is not JSON".to_owned()
        };
        Unread {
            reason,
            line: error.line(),
            column: error.column(),
        }
    })
}

/// Whether a text is short enough to be parsed as JSON; the error is why not.
pub(super) fn fits(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("JSON longer than {LONGEST} bytes"));
    }
    Ok(())
}

/// The names that the common fields of a kind of records have; the first that is there counts.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) message: &'static [&'static str],
    pub(super) time: &'static [&'static str],
}

/// The fields of an object, less those that were taken.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Json>,
    taken: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Json>) -> Self {
        Self {
            object,
            taken: Vec::new(),
        }
    }

    /// Takes the first of these fields that `read` can make something of.
    pub(super) fn take<T>(
        &mut self,
        names: &[&str],
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Option<T> {
        names.iter().find_map(|name| {
            let (name, value) = self.object.get_key_value(*name)?;
            let found = read(value)?;
            self.taken.push(name);
            Some(found)
        })
    }

    /// Takes what every log has, and what ties it to a session and a trace.
    pub(super) fn record(&mut self, shape: &Shape) -> Drained<'a> {
        let session = self.take(&["secure_session_id"], text);
        // The names that the backend's own SDKs send win over this one.
        let session = session.map(|session| Pair {
            key: "highlight_session_id",
            value: Value::Text(session),
        });
        Drained {
            timestamp_ns: self.take(shape.time, clock::read).unwrap_or_default(),
            level: self.take(&["level"], level::name).unwrap_or_default(),
            body: self.take(shape.message, text).unwrap_or_default(),
            trace_id: self.id(&["trace_id", "traceId", "traceID"], 32),
            span_id: self.id(&["span_id", "spanId", "spanID"], 16),
            defaults: session.into_iter().collect(),
            ..Drained::default()
        }
    }

    /// Takes an id of so many hex digits; others, such as another vendor's decimal ones, stay attributes.
    fn id(&mut self, names: &[&str], digits: usize) -> Cow<'a, str> {
        let id = self.take(names, |value| {
            let id = text(value)?;
            let is_id = id.len() == digits
                && id.bytes().all(|byte| byte.is_ascii_hexdigit())
                && id.bytes().any(|byte| byte != b'0');
            is_id.then(|| lower(id))
        });
        id.unwrap_or_default()
    }

    /// Adds the fields that were not taken to a record's attributes.
    pub(super) fn rest(
        self,
        mut record: Drained<'a>,
        room: &mut Room,
    ) -> Result<Drained<'a>, String> {
        record.attributes.extend(self.others(0, room)?);
        Ok(record)
    }

    /// The fields that were not taken, for below a flattened key of so many bytes.
    pub(super) fn others(self, above: usize, room: &mut Room) -> Result<Vec<Pair<'a>>, String> {
        let others = self.object.iter();
        let others = others.filter(|(name, _)| !self.taken.contains(&name.as_str()));
        let pairs = others.map(|(name, value)| value::pair_below(above, name, value, room));
        pairs.collect()
    }
}

/// A text that says something.
pub(super) fn text(value: &Json) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn lower(id: &str) -> Cow<'_, str> {
    if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        id.to_ascii_lowercase().into()
    } else {
        id.into()
    }
}
