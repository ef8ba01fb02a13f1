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
        && (error.is_cancelled() || !crate::panic::is_hooked())
    {
        highlight.capture_error(error);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{capture, capture_async};

    #[test]
    fn an_error_is_reported_where_it_passes_by() {
        let sent = capture(|| {
            assert_eq!("7".parse::<i32>().capture(), Ok(7));
            assert!("x".parse::<i32>().capture().is_err());
        });
        let [error] = sent.errors() else {
            panic!("one error expected\n{sent}")
        };
        assert_eq!(error.type_name(), "core::num::error::ParseIntError");
    }

    #[tokio::test]
    async fn a_cancelled_task_is_reported_and_a_finished_one_is_not() {
        let sent = capture_async(async {
            let finished = tokio::spawn(async { 5 });
            assert!(matches!(capture_join(finished.await), Ok(5)));
            let cancelled = tokio::spawn(std::future::pending::<()>());
            cancelled.abort();
            assert!(capture_join(cancelled.await).is_err());
        })
        .await;
        let [error] = sent.errors() else {
            panic!("one error expected\n{sent}")
        };
        assert!(error.message().contains("cancelled"), "{}", error.message());
    }
}
