//! Answers prepared by a test, given to requests in order before normal service.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How one request with OTLP, or of a log drain, is answered.
///
/// ```
/// use server_mock::Answer;
///
/// let once_busy = [Answer::status(503).retry_after_secs(1)];
/// assert_eq!(once_busy, [Answer::StatusRetryAfter(503, 1)]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Answer with this status; nothing is stored unless it is 200.
    Status(u16),
    /// As `Status`, with a `Retry-After` of so many seconds.
    StatusRetryAfter(u16, u64),
    /// Accept the request and never answer.
    Hang,
    /// Close the connection without an answer.
    Reset,
    /// Store, and answer 200 with this `partial_success`.
    Partial {
        /// How many records it says were rejected.
        rejected: i64,
        /// Why it says they were.
        message: String,
    },
    /// Serve normally after this long.
    Delay(Duration),
}

impl Answer {
    /// Answers with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status(status)
    }

    /// Adds a `Retry-After` header to a status; other answers stay as they are.
    #[must_use]
    pub fn retry_after_secs(self, seconds: u64) -> Self {
        match self {
            Self::Status(status) | Self::StatusRetryAfter(status, _) => {
                Self::StatusRetryAfter(status, seconds)
            }
            other => other,
        }
    }
}

/// The answers still to be given.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Answer>>,
}

impl Script {
    pub(crate) fn add(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(answers);
    }

    pub(crate) fn next(&self) -> Option<Answer> {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }
}
