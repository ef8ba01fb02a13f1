//! What is left of an exchange when its response has begun: the body, and the span that ends with it.

use std::error::Error;

use super::{Exchange, Panicked};
use crate::capture::ErrorReport;

/// An exchange whose response's body is still being made. Dropped before the last byte, the client hung up.
#[derive(Debug)]
#[must_use = "an exchange that is dropped ends as cancelled"]
pub struct Ending {
    exchange: Option<Exchange>,
    status: u16,
    report: Option<ErrorReport>,
    /// Bytes still to come, when the response said how many. The server stops asking after them.
    promised: Option<u64>,
}

impl Ending {
    /// Of an exchange that was answered with `status`, for the handler's error when there is one; `promised` is the length of the
    /// body in bytes, when the response says so.
    pub fn new(
        exchange: Exchange,
        status: u16,
        report: Option<ErrorReport>,
        promised: Option<u64>,
    ) -> Self {
        Ending {
            exchange: Some(exchange),
            status,
            report,
            promised,
        }
    }

    /// Makes a part of the body, inside the span and the session.
    ///
    /// # Errors
    ///
    /// It panicked: the panic is on the span, which has ended.
    pub fn run<T>(&mut self, step: impl FnOnce() -> T) -> Result<T, Panicked> {
        let Some(exchange) = self.exchange.as_mut() else {
            return Ok(step());
        };
        let result = exchange.run(step);
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// Counts bytes that were handed over. The last promised ones end the span.
    pub fn handed_over(&mut self, bytes: usize) {
        self.promised = self.promised.map(|left| left.saturating_sub(bytes as u64));
        if self.promised == Some(0) {
            self.finish();
        }
    }

    /// Ends the span: the body is complete.
    pub fn finish(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish(self.status, self.report.as_ref());
        }
    }

    /// Records the error that ended the body, and ends the span.
    pub fn fail(&mut self, error: &(dyn Error + 'static)) {
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.record(&ErrorReport::from_dyn(error));
        }
        self.finish();
    }
}
