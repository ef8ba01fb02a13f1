//! OTLP protobuf, read in place: nothing is copied out of a request until its rows are encoded.
//!
//! Only what rows are made of is read. Fields that are not known are skipped, as protobuf asks for.

mod otlp;
mod protobuf;
#[cfg(test)]
mod tests;

pub(crate) use otlp::{Event, Group, Link, LogRecord, Pair, Scope, Span, Value};
pub(crate) use protobuf::Malformed;
