//! The server over real sockets; the process-global thing here is libchdb's one data directory, in `embedded`.

mod binary;
mod bounds;
mod drains;
mod embedded;
mod killed;
mod metrics;
mod otlp;
mod parts;
mod retried;
mod setup;
mod support;
