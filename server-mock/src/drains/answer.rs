//! What the drains answer: JSON that says how many records were taken, or why none were.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::body::Refusal;
use crate::endpoint::{Outcome, refused};

/// The longest message, in bytes: as much as Firehose takes.
const LONGEST: usize = 8_192;

pub(super) type Body = ([(header::HeaderName, &'static str); 1], String);

/// The answer to a request of which at least something is stored.
pub(super) fn stored(outcome: Outcome) -> Response {
    let (rejected, message) = outcome.partial.unwrap_or_default();
    let taken = outcome
        .records
        .saturating_sub(usize::try_from(rejected).unwrap_or_default());
    let mut answer = json!({"accepted": taken, "rejected": rejected});
    if !message.is_empty() {
        answer["message"] = bounded(message).into();
    }
    body(&answer).into_response()
}

pub(super) fn refuse(Refusal { status, reason }: Refusal) -> Response {
    refused(status, body(&json!({"error": bounded(reason)})))
}

pub(super) fn body(answer: &Value) -> Body {
    (
        [(header::CONTENT_TYPE, "application/json")],
        answer.to_string(),
    )
}

/// A message cut to what a sender may take.
pub(super) fn bounded(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(LONGEST));
    message
}
