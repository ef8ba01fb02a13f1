//! `POST /v1/logs/raw`: the body is the message of one log.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::{Origin, answer};
use crate::body::Refusal;
use crate::endpoint::{Endpoint, Outcome, Sent};
use crate::extract::{Drained, Extracted};

pub(crate) struct RawLog;

impl Endpoint for RawLog {
    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal> {
        if sent.body.is_empty() {
            let reason = "the body is empty: it is the message of a log";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
        }
        let origin = Origin::of(sent.head);
        let mut intake = origin.intake(sent, extracted)?;
        let record = Drained {
            body: &String::from_utf8_lossy(sent.body),
            ..Drained::default()
        };
        intake.take("the body", Ok(record));
        intake.finish()?;
        Ok(Self)
    }

    fn answer(&self, _head: &Parts, outcome: Outcome) -> Response {
        answer::stored(outcome)
    }

    fn refuse(_head: &Parts, refusal: Refusal) -> Response {
        answer::refuse(refusal)
    }
}
