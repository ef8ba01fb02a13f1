//! Reports of the `eyre` crate (feature `eyre`), and so of `color-eyre` and other handlers.

use eyre::Report;

use crate::capture::ErrorReport;
use crate::handle::Highlight;

impl From<&Report> for ErrorReport {
    /// The stack is that of this call: `eyre` itself captures none, and its handlers keep theirs to themselves.
    #[inline(never)]
    fn from(report: &Report) -> Self {
        ErrorReport::from_dyn(report.as_ref())
    }
}

/// [`capture_error`](crate::capture_error) for `eyre`'s report, which is no `std::error::Error`.
///
/// # Examples
///
/// ```
/// use eyre::WrapErr as _;
///
/// let failed: eyre::Result<u16> = "eighty".parse().wrap_err("the port is odd");
/// if let Err(error) = &failed {
///     highlight::capture_eyre(error);
/// }
/// ```
#[inline(never)]
pub fn capture_eyre(report: &Report) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture(ErrorReport::from(report));
    }
}

/// `.capture()` for `eyre`'s results, as [`ResultExt`](crate::ResultExt) for others.
pub trait EyreExt {
    /// Reports the error, if there is one, and gives the result back.
    #[must_use = "the error is reported and still there to be handled"]
    fn capture(self) -> Self;
}

impl<T> EyreExt for Result<T, Report> {
    #[inline(never)]
    fn capture(self) -> Self {
        if let Err(report) = &self {
            capture_eyre(report);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use eyre::WrapErr as _;

    use super::*;
    use crate::testing::capture;

    #[test]
    fn context_and_causes_arrive_with_a_stack() {
        let failed: Result<u16, Report> = "eighty".parse().wrap_err("the port is odd");
        let sent = capture(|| {
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
        assert!(error.stack().contains("eyre.rs:"), "{}", error.stack());
    }
}
