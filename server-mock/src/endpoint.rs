//! What the endpoints do differently, so that one handler serves them.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::body::Refusal;
use crate::extract::Extracted;
use crate::received::Received;
use crate::rows::Attributes;

/// How long a sender is asked to wait when a request could not be stored, in seconds.
const RETRY_AFTER: u64 = 1;

/// A kind of request; a value is one that was read.
pub(crate) trait Endpoint: Sized + Send + 'static {
    /// Refuses a body that is not of a type to be read.
    fn check(_headers: &HeaderMap) -> Result<(), Refusal> {
        Ok(())
    }

    /// What the request calls itself, whenever it comes again.
    fn name(headers: &HeaderMap) -> Option<&str> {
        text(headers, "x-highlight-batch")
    }

    /// Adds the rows that a body turns into.
    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal>;

    /// The attributes of its first resource, if it has any.
    fn resource(&self) -> Attributes {
        Attributes::new()
    }

    /// Keeps of the request what tests may look at besides its rows.
    fn keep(self, _received: &mut Received) {}

    /// Says that the rows are stored.
    fn answer(&self, head: &Parts, outcome: Outcome) -> Response;

    /// Says that nothing is.
    fn refuse(_head: &Parts, Refusal { status, reason }: Refusal) -> Response {
        refused(status, format!("{reason}\n"))
    }
}

/// A request, unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    /// When it came in, in nanoseconds since 1970.
    pub(crate) received_ns: i64,
}

/// What became of a request's records.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How many it carried.
    pub(crate) records: usize,
    /// How many of them are not stored, and why.
    pub(crate) partial: Option<(i64, String)>,
}

/// A header, if it is there and is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A refusal; the sender of what could not be stored is asked to come again.
pub(crate) fn refused(status: StatusCode, body: impl IntoResponse) -> Response {
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let wait = [(header::RETRY_AFTER, RETRY_AFTER.to_string())];
        (status, wait, body).into_response()
    } else {
        (status, body).into_response()
    }
}
