//! The SDK's own voice: single lines on stderr, for what the application's people must know.

use std::fmt::Arguments;
use std::io::Write as _;

/// Writes one line to stderr. A closed or full stderr is nobody's problem.
pub(crate) fn say(message: Arguments<'_>) {
    let line = format!("highlight: {message}\n");
    drop(std::io::stderr().write_all(line.as_bytes()));
}
