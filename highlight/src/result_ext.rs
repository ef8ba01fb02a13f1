//! `.capture()` in the middle of an expression: report an error and hand it on.

use std::error::Error;

use crate::handle::{Highlight, capture_error};

/// Reports the error of a `Result` where it passes by.
///
/// # Examples
///
/// ```
/// use highlight::ResultExt as _;
///
/// fn port(text: &str) -> Result<u16, std::num::ParseIntError> {
///     text.parse().capture()
/// }
/// assert_eq!(port("80"), Ok(80));
/// assert!(port("eighty").is_err());
/// ```
pub trait ResultExt {
    /// Reports the error, if there is one, with the stack of this call, and gives the result back. Nothing is reported when no SDK
    /// is installed.
    #[must_use = "the error is reported and still there to be handled"]
    fn capture(self) -> Self;
}

impl<T, E: Error> ResultExt for Result<T, E> {
    #[inline(never)]
    fn capture(self) -> Self {
        if let Err(error) = &self {
            capture_error(error);
        }
        self
    }
}

/// Reports a task that was cancelled; a task that panicked was reported by the panic hook already, with its stack.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let job = tokio::spawn(async { 5 });
/// assert_eq!(highlight::capture_join(job.await).unwrap(), 5);
/// # }
/// ```
///
/// # Errors
///
/// The task's own, given back.
pub fn capture_join<T>(
    joined: Result<T, tokio::task::JoinError>,
) -> Result<T, tokio::task::JoinError> {
    if let (Err(error), Some(highlight)) = (&joined, Highlight::current())
        && (error.is_cancelled() || !highlight.reports_panics())
    {
        highlight.capture_error(error);
    }
    joined
}
