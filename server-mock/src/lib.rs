//! An OTLP ingest server that reads requests as highlight.io's backend does.
//!
//! As a library it is what tests send to: [`MockServer::start`] listens on a free port, [`MockServer::wait_for`]
//! waits for what should arrive, [`MockServer::script`] prepares failures, and [`Received`] holds the rows. With
//! [`Clickhouse`] it stores the same rows in tables, and acknowledges a request only when they are there.
//! As a binary it is the ingest side of local development.
//!
//! A request that has header `x-highlight-batch`, a name that it keeps over retries, is stored once however often it comes: also when
//! an attempt before stored only some of its rows, and when a process before this one did.
//!
//! A request goes one way: `otlp` reads it, `extract` goes through its records in place (by `wire`) and turns each into rows: encoded
//! ones, which `store` commits, and plain `rows` for tests to look at.
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
