//! Run-time binding to libchdb: ClickHouse inside the process, without needing the library to build.
//!
//! [`Library::locate`] finds the shared library, [`Engine::open`] opens a data directory on a thread of its own,
//! and the engine's handle runs [`Statement`]s and [`Insert`]s there, one at a time. [`Package`] pins the
//! npm package that carries the library, for `cargo xtask clickhouse`.
//!
//! ```no_run
//! let engine = chdb::Engine::open(&chdb::Library::locate()?, "/tmp/data".as_ref())?;
//! let rows = engine.query(chdb::Statement::new("SELECT {n:UInt8} + 1").bind("n", "41"))?;
//! assert_eq!(rows, b"42\n");
//! # Ok::<(), chdb::Error>(())
//! ```

mod engine;
mod error;
mod exit;
mod ffi;
mod locate;
mod package;
mod statement;

pub use engine::Engine;
pub use error::Error;
pub use locate::{Library, VARIABLE};
pub use package::{Package, VERSION};
pub use statement::{Insert, Statement};
