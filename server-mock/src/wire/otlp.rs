//! The messages of OTLP (see <https://github.com/open-telemetry/opentelemetry-proto>) that rows are made of.

use super::Malformed;
use super::protobuf::{Payload, fields};

/// How deep lists and maps may be nested: as deep as prost reads them.
const DEEPEST: usize = 50;

/// An attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Value<'a>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Value<'a> {
    /// None, or one that is not stored: a boolean, or bytes.
    #[default]
    Nothing,
    Text(&'a str),
    Int(i64),
    Double(f64),
    List(Vec<Value<'a>>),
    Map(Vec<Pair<'a>>),
}

/// A log record.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LogRecord<'a> {
    pub(crate) time_unix_nano: u64,
    pub(crate) observed_time_unix_nano: u64,
    pub(crate) severity_text: &'a str,
    pub(crate) body: Value<'a>,
    pub(crate) attributes: Vec<Pair<'a>>,
    pub(crate) flags: u32,
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
}

/// A span.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_field_names, reason = "OTLP calls it the span id")]
pub(crate) struct Span<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) trace_state: &'a str,
    pub(crate) parent_span_id: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) name: &'a str,
    pub(crate) kind: i32,
    pub(crate) start_time_unix_nano: u64,
    pub(crate) end_time_unix_nano: u64,
    pub(crate) attributes: Vec<Pair<'a>>,
    pub(crate) events: Vec<Event<'a>>,
    pub(crate) links: Vec<Link<'a>>,
    pub(crate) status_message: &'a str,
    pub(crate) status_code: i32,
}

/// An event of a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Event<'a> {
    pub(crate) time_unix_nano: u64,
    pub(crate) name: &'a str,
    pub(crate) attributes: Vec<Pair<'a>>,
}

/// A link from a span to another.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Link<'a> {
    pub(crate) trace_id: &'a [u8],
    pub(crate) span_id: &'a [u8],
    pub(crate) trace_state: &'a str,
    pub(crate) attributes: Vec<Pair<'a>>,
}

/// Something that requests carry, each under a resource and a scope.
pub(crate) trait Record<'a>: Default {
    fn field(&mut self, number: u64, payload: Payload<'a>) -> Result<(), Malformed>;
}

// The numbers of these fields are the same for all signals.
const GROUPS: u64 = 1;
const OWNER: u64 = 1;
const MEMBERS: u64 = 2;
const RESOURCE_ATTRIBUTES: u64 = 1;
const SCOPE_ATTRIBUTES: u64 = 3;

/// The scopes of one resource.
pub(crate) struct Group<'a> {
    /// The resource's attributes.
    pub(crate) attributes: Vec<Pair<'a>>,
    message: &'a [u8],
}

impl<'a> Group<'a> {
    /// Calls `take` with every resource of a request.
    pub(crate) fn each(
        request: &'a [u8],
        mut take: impl FnMut(Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        only(request, GROUPS, |message| {
            take(Self {
                attributes: attributes_of(message, OWNER, RESOURCE_ATTRIBUTES)?,
                message,
            })
        })
    }

    /// Calls `take` with every scope.
    pub(crate) fn each_scope(
        &self,
        mut take: impl FnMut(Scope<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        only(self.message, MEMBERS, |message| {
            take(Scope {
                attributes: attributes_of(message, OWNER, SCOPE_ATTRIBUTES)?,
                message,
            })
        })
    }
}

/// The records of one scope.
pub(crate) struct Scope<'a> {
    /// The scope's attributes.
    pub(crate) attributes: Vec<Pair<'a>>,
    message: &'a [u8],
}

impl<'a> Scope<'a> {
    /// Calls `take` with every record.
    pub(crate) fn each_record<R: Record<'a>>(
        &self,
        mut take: impl FnMut(&mut R),
    ) -> Result<(), Malformed> {
        only(self.message, MEMBERS, |record| {
            take(&mut message(record)?);
            Ok(())
        })
    }
}

/// Calls `read` with every message in the field `number`.
fn only<'a>(
    message: &'a [u8],
    number: u64,
    mut read: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    fields(message, |found, payload| {
        if found == number {
            read(payload.bytes()?)?;
        }
        Ok(())
    })
}

fn attributes_of(message: &[u8], owner: u64, number: u64) -> Result<Vec<Pair<'_>>, Malformed> {
    let mut attributes = Vec::new();
    only(message, owner, |owner| {
        only(owner, number, |attribute| {
            attributes.push(pair(attribute, 0)?);
            Ok(())
        })
    })?;
    Ok(attributes)
}

fn message<'a, R: Record<'a>>(bytes: &'a [u8]) -> Result<R, Malformed> {
    let mut record = R::default();
    fields(bytes, |number, payload| record.field(number, payload))?;
    Ok(record)
}

impl<'a> Record<'a> for LogRecord<'a> {
    fn field(&mut self, number: u64, payload: Payload<'a>) -> Result<(), Malformed> {
        match number {
            1 => self.time_unix_nano = payload.fixed64()?,
            3 => self.severity_text = payload.text()?,
            5 => self.body = value(payload.bytes()?, 0)?,
            6 => add(&mut self.attributes, payload)?,
            8 => self.flags = payload.fixed32()?,
            9 => self.trace_id = payload.bytes()?,
            10 => self.span_id = payload.bytes()?,
            11 => self.observed_time_unix_nano = payload.fixed64()?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Record<'a> for Span<'a> {
    fn field(&mut self, number: u64, payload: Payload<'a>) -> Result<(), Malformed> {
        match number {
            1 => self.trace_id = payload.bytes()?,
            2 => self.span_id = payload.bytes()?,
            3 => self.trace_state = payload.text()?,
            4 => self.parent_span_id = payload.bytes()?,
            5 => self.name = payload.text()?,
            6 => self.kind = enumeration(payload)?,
            7 => self.start_time_unix_nano = payload.fixed64()?,
            8 => self.end_time_unix_nano = payload.fixed64()?,
            9 => add(&mut self.attributes, payload)?,
            11 => self.events.push(message(payload.bytes()?)?),
            13 => self.links.push(message(payload.bytes()?)?),
            15 => fields(payload.bytes()?, |number, payload| {
                match number {
                    2 => self.status_message = payload.text()?,
                    3 => self.status_code = enumeration(payload)?,
                    _ => {}
                }
                Ok(())
            })?,
            16 => self.flags = payload.fixed32()?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Record<'a> for Event<'a> {
    fn field(&mut self, number: u64, payload: Payload<'a>) -> Result<(), Malformed> {
        match number {
            1 => self.time_unix_nano = payload.fixed64()?,
            2 => self.name = payload.text()?,
            3 => add(&mut self.attributes, payload)?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Record<'a> for Link<'a> {
    fn field(&mut self, number: u64, payload: Payload<'a>) -> Result<(), Malformed> {
        match number {
            1 => self.trace_id = payload.bytes()?,
            2 => self.span_id = payload.bytes()?,
            3 => self.trace_state = payload.text()?,
            4 => add(&mut self.attributes, payload)?,
            _ => {}
        }
        Ok(())
    }
}

/// Adds an attribute of a record, making room for as many as there usually are.
fn add<'a>(attributes: &mut Vec<Pair<'a>>, payload: Payload<'a>) -> Result<(), Malformed> {
    if attributes.is_empty() {
        attributes.reserve(16);
    }
    attributes.push(pair(payload.bytes()?, 0)?);
    Ok(())
}

fn pair(bytes: &[u8], depth: usize) -> Result<Pair<'_>, Malformed> {
    let mut pair = Pair::default();
    fields(bytes, |number, payload| {
        match number {
            1 => pair.key = payload.text()?,
            2 => pair.value = value(payload.bytes()?, depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(pair)
}

fn value(bytes: &[u8], depth: usize) -> Result<Value<'_>, Malformed> {
    if depth > DEEPEST {
        return Err(Malformed::Depth);
    }
    let mut found = Value::Nothing;
    fields(bytes, |number, payload| {
        found = match number {
            1 => Value::Text(payload.text()?),
            2 => payload.varint().map(|_| Value::Nothing)?,
            3 => Value::Int(payload.varint()?.cast_signed()),
            4 => Value::Double(f64::from_bits(payload.fixed64()?)),
            5 => {
                let mut list = Vec::new();
                only(payload.bytes()?, 1, |item| {
                    list.push(value(item, depth + 1)?);
                    Ok(())
                })?;
                Value::List(list)
            }
            6 => {
                let mut map = Vec::new();
                only(payload.bytes()?, 1, |item| {
                    map.push(pair(item, depth + 1)?);
                    Ok(())
                })?;
                Value::Map(map)
            }
            7 => payload.bytes().map(|_| Value::Nothing)?,
            _ => return Ok(()),
        };
        Ok(())
    })?;
    Ok(found)
}

/// Protobuf sends enumerations as varints of which the lower half counts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "protobuf says to take the lower bits"
)]
fn enumeration(payload: Payload<'_>) -> Result<i32, Malformed> {
    Ok(payload.varint()? as i32)
}
