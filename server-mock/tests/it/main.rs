//! The server over real sockets; the process-global thing here is libchdb's one data directory, in `embedded`.

mod otlp;
mod support;
