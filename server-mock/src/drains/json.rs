//! `POST /v1/logs/json`: the body is a JSON object, or one on each line where its type says so.

use axum::http::HeaderMap;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Map, Value};

use super::object::{self, Fields, Shape};
use super::{Intake, Origin, answer, pino};
use crate::body::Refusal;
use crate::endpoint::{Endpoint, Outcome, Sent, text};
use crate::extract::{Extracted, Room};

/// The names of the common fields; the second ones are those of pino, whose lines come by themselves too.
const SHAPE: Shape = Shape {
    message: &["message", "msg"],
    time: &["timestamp", "time"],
};

pub(crate) struct JsonLogs;

impl Endpoint for JsonLogs {
    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal> {
        let body = String::from_utf8_lossy(sent.body);
        let origin = Origin::of(sent.head);
        let mut intake = origin.intake(sent, extracted)?;
        if is_lines(&sent.head.headers) {
            each_line(&body, &mut intake, document);
        } else {
            match object::parse(&body) {
                Ok(object) => document(&object, body.len(), "the body", &mut intake),
                Err(unread) => {
                    intake.take(unread.place(unread.line), Err(unread.reason));
                }
            }
        }
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

fn is_lines(headers: &HeaderMap) -> bool {
    let content_type = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    content_type.starts_with("application/x-ndjson")
}

/// Calls `take` with the object on each line that is not blank, its size, and where it is. A line that is none is counted, and
/// the others are taken all the same: a sender that is told of an error drops them all, or sends them all again.
pub(super) fn each_line<'a>(
    body: &str,
    intake: &mut Intake<'a>,
    take: impl Fn(&Map<String, Value>, usize, &str, &mut Intake<'a>),
) {
    for (number, line) in (1..).zip(body.split('\n')) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match object::parse(line) {
            Ok(object) => take(&object, line.len(), &format!("line {number}"), intake),
            Err(unread) => intake.take(unread.place(number), Err(unread.reason)),
        }
    }
}

/// Takes the one record that an object is, or the many of a batch.
fn document(object: &Map<String, Value>, size: usize, place: &str, intake: &mut Intake<'_>) {
    let mut room = Room::of(size);
    if let Some(batch) = pino::batch(object) {
        for (number, object) in (1..).zip(batch) {
            let place = format_args!("log {number} of {place}");
            let mut fields = Fields::new(object);
            let record = fields.record(&pino::SHAPE);
            intake.take(place, fields.rest(record, &mut room));
        }
    } else {
        let mut fields = Fields::new(object);
        let record = fields.record(&SHAPE);
        intake.take(place, fields.rest(record, &mut room));
    }
}
