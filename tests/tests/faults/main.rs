//! The endpoint, the network, the disk and the process fail; every record is accounted for. Nothing here is process-global.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod endpoint;
mod ingest;
mod killed;
mod load;
mod spool;
#[cfg(target_os = "linux")]
mod surroundings;
