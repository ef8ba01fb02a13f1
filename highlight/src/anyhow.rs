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
