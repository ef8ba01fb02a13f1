//! Everything that needs no process-global state: each test has an SDK and a server of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod axum;
mod composition;
mod control;
mod delivery;
mod errors;
mod harmless;
mod http_metrics;
mod log_bridge;
mod logs;
mod metrics;
mod scopes;
mod sessions;
mod spans;
mod wire;
