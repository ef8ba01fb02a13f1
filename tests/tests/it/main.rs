//! Everything that needs no process-global state: each test has an SDK and a server of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actix;
mod axum;
mod carriers;
mod composition;
mod control;
mod delivery;
mod errors;
mod harmless;
mod http_metrics;
mod log_bridge;
mod logs;
mod metrics;
mod outgoing;
mod scopes;
mod sessions;
mod span_lives;
mod spans;
mod wire;
