//! An ingest server for OTLP and log drains that reads requests as highlight.io's backend does.
//!
//! As a library it is what tests send to: [`MockServer::start`] listens on a free port, [`MockServer::wait_for`]
//! waits for what should arrive, [`MockServer::script`] prepares failures, and [`Received`] holds the rows. With
//! [`Clickhouse`] it stores the same rows in tables, and acknowledges a request only when they are there.
//! As a binary it is the ingest side of local development.
//!
//! A request that has header `x-highlight-batch`, a name that it keeps over retries, is stored once however often it comes: also when
//! an attempt before stored only some of its rows, and when a process before this one did.
//!
//! A request goes one way: `ingest` reads it, `otlp` or `drains` finds its records (in place, by `wire`, or as JSON), `extract` turns
//! each into rows: encoded ones, which `store` commits, and plain `rows` for tests to look at.
//!
//! # Endpoints
//!
//! | `POST` | body | answer |
//! |---|---|---|
//! | `/v1/logs`, `/v1/traces`, `/v1/metrics`, the same below `/otel` | OTLP protobuf | OTLP protobuf, with `partial_success` |
//! | `/v1/logs/raw` | the message of one log of level `info` | JSON |
//! | `/v1/logs/json` | an object with `message`, `timestamp`, `level` and any other fields; a batch of pino, `{"logs":[{"level":30,"time":…,"msg":…}]}`; with `application/x-ndjson` either of them on each line, as Vector's HTTP sink sends | JSON |
//! | `/v1/logs/firehose` | a delivery of Amazon Data Firehose: `CloudWatch` Logs, `FireLens`, or any text, packed with gzip or not | as Firehose asks for |
//! | `/vercel/v1/logs` | a log of Vercel on each line | JSON |
//!
//! Any body may be packed with gzip, and is 64 MiB at most, also unpacked; a JSON document in it 16 MiB. `GET /health` says `ok`.
//!
//! # Bounds
//!
//! What an OTLP request becomes is in proportion to what was sent. Lists and maps repeat their keys: all of a request may be flattened
//! to 16 times its size, and 4 KiB. Records repeat what stands above them (a resource, a scope, a metric; a span for its events):
//! together they may inherit 256 times the request's size, and 4 KiB. A record for which there is no room is rejected, and
//! `partial_success` says so: `1 with attributes many times larger than what was sent`. The others are stored.
//!
//! # Log drains
//!
//! The query's `project` and `service` say whose logs they are, or else headers `x-highlight-project` and `x-highlight-service`;
//! Firehose's parameters of these names win over both. A record's own `service.name` counts where none is given.
//!
//! * Other fields become attributes as in OTLP: `key.child`, `key.0`; booleans, nulls and what is empty are dropped. Nested deeper
//!   than 50, or repeating keys to 16 times the size of what was sent (and 4 KiB), a record is rejected.
//! * `highlight.session_id`, `highlight_session_id` or `secure_session_id` is the session; `trace_id`, `traceId` or `traceID` the trace,
//!   where it is 32 hex digits, and `span_id`, `spanId` or `spanID` the span, where it is 16.
//! * A level is a name, of which `warning` is `warn`, or pino's number; what is not known is `info`. `msg` and `time` stand in for
//!   `message` and `timestamp`. A time is RFC 3339, or a number since 1970 in seconds, milliseconds, microseconds or
//!   nanoseconds; one that cannot be read stays an attribute, and one more than 30 days away is replaced by that of receipt.
//! * Bytes that are not UTF-8 are replaced by U+FFFD.
//! * A bad line, log or record costs only itself. The answer is then 200 and
//!   `{"accepted":2,"rejected":1,"message":"1 with text that is not JSON (first in line 2, column 2)"}`: a sender that is told of an
//!   error would drop the good ones too, or send them again. Where nothing could be taken it is 400 and `{"error":"…"}`.
//! * A delivery of Firehose that comes again is stored once, by its request id. `CloudWatch`'s control messages make no rows.
//! * Vercel verifies an endpoint by header `x-vercel-verify`: put the code that it shows into the drain's URL, as `?verify=`.
//!
//! # Example
//!
//! ```
//! use server_mock::{Answer, MockServer};
//!
//! let server = MockServer::start();
//! server.script([Answer::status(503).retry_after_secs(1)]);
//! // point an exporter at server.url(), then:
//! // let received = server.wait_for_blocking(|received| received.logs.len() == 3);
//! assert_eq!(server.received().requests.len(), 0);
//! ```

mod body;
mod builder;
mod connection;
mod drains;
mod endpoint;
mod error;
mod extract;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod ingest;
mod otlp;
mod received;
mod record;
mod rows;
mod running;
mod script;
mod server;
mod signal;
mod sql;
mod store;
mod wire;

pub use builder::Builder;
pub use error::Error;
pub use received::{Received, RequestInfo};
pub use rows::{
    Attributes, ErrorRow, Exemplar, LogRow, MetricRow, MetricValue, SpanEvent, SpanLink, SpanRow,
    Temporality,
};
pub use script::Answer;
pub use server::MockServer;
pub use store::Clickhouse;
