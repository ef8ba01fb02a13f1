//! Records of the [`log`](https://docs.rs/log) crate, sent by `highlight` with the trace, span and session of the place where they
//! are made.
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let _highlight = highlight::Config::new("1jdkoe52").init()?;
//!     highlight_log::Bridge::new().install()?;
//!     log::info!(cart = "c-17", total = 12.5; "paid");
//!     Ok(())
//! }
//! ```
//!
//! | of the record | becomes |
//! |---|---|
//! | level | severity |
//! | message | body |
//! | target | `code.namespace` |
//! | module path, when it is not the target | `code.module` |
//! | file, line | `code.file.path`, `code.line.number`, and their older names |
//! | key-values | attributes with their types; truth values as text |
//! | key-value `error`, `err` or `exception` at level error | `exception.*`: the record becomes an error |
//!
//! # Which crate for which records
//!
//! A process has one logger. Where `tracing-log` is installed as the logger, `log` records become `tracing` events and arrive that
//! way: then do without this bridge.

mod bridge;
mod values;

pub use bridge::{Bridge, InstallError};
