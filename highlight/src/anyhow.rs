//! Errors of the `anyhow` crate (feature `anyhow`), with the backtrace they carry.

use anyhow::Error;

use crate::capture::ErrorReport;
use crate::handle::Highlight;

impl From<&Error> for ErrorReport {
    /// The stack is the error's own, when it captured one (`RUST_BACKTRACE=1`), and otherwise that of this call.
    #[inline(never)]
    fn from(error: &Error) -> Self {
        ErrorReport::from_dyn(error.as_ref()).with_backtrace(error.backtrace())
    }
}

/// [`capture_error`](crate::capture_error) for `anyhow`'s error, which is no `std::error::Error`.
///
/// # Examples
///
/// ```
/// use anyhow::Context as _;
///
/// let failed: anyhow::Result<u16> = "eighty".parse().context("the port is odd");
/// if let Err(error) = &failed {
///     highlight::capture_anyhow(error);
/// }
/// ```
#[inline(never)]
pub fn capture_anyhow(error: &Error) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture(ErrorReport::from(error));
    }
}

/// `.capture()` for `anyhow`'s results, as [`ResultExt`](crate::ResultExt) for others.
pub trait AnyhowExt {
    /// Reports the error, if there is one, and gives the result back.
    #[must_use = "the error is reported and still there to be handled"]
    fn capture(self) -> Self;
}

impl<T> AnyhowExt for Result<T, Error> {
    #[inline(never)]
    fn capture(self) -> Self {
        if let Err(error) = &self {
            capture_anyhow(error);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::testing::capture;

    #[test]
    fn context_and_causes_arrive_with_a_stack() {
        let failed: Result<u16, Error> = "eighty".parse().context("the port is odd");
        let sent = capture(|| {
            // Given back, to be handed on with `?`.
            assert!(failed.capture().is_err());
        });
        let [error] = sent.errors() else {
            panic!("one error expected\n{sent}")
        };
        assert_eq!(error.message(), "the port is odd");
        assert!(
            error
                .stack()
                .contains("Caused by: invalid digit found in string")
        );
        assert!(error.stack().contains("anyhow.rs:"), "{}", error.stack());
    }

    #[test]
    fn its_own_backtrace_is_preferred() {
        let own = std::backtrace::Backtrace::force_capture();
        let line = line!() - 1;
        let report = ErrorReport::new(&std::io::Error::other("no")).with_backtrace(&own);
        let sent = capture(|| {
            if let Some(highlight) = Highlight::current() {
                highlight.capture(report);
            }
        });
        let place = format!("anyhow.rs:{line}\n");
        assert!(
            sent.errors()[0].stack().contains(&place),
            "{}",
            sent.errors()[0].stack()
        );
    }
}
