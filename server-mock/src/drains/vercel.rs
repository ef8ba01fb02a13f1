//! `POST /vercel/v1/logs`: Vercel's log drains (see <https://vercel.com/docs/drains/reference/logs>), one object a line.

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value as Json};

use super::object::{Fields, Shape, text};
use super::origin::query;
use super::value;
use super::{Origin, answer, json};
use crate::body::Refusal;
use crate::endpoint::{Endpoint, Outcome, Sent};
use crate::extract::{Drained, Extracted, Room};
use crate::wire::{Pair, Value};

const VERIFY: HeaderName = HeaderName::from_static("x-vercel-verify");

const SHAPE: Shape = Shape {
    message: &["message"],
    time: &["timestamp"],
};

/// What the backend calls Vercel's fields; the others are attributes below `vercel`.
const NAMES: [(&str, &str); 8] = [
    ("projectId", "vercel.project"),
    ("deploymentId", "service.version"),
    ("environment", "environment"),
    ("source", "code.namespace"),
    ("path", "code.filepath"),
    ("entrypoint", "code.function"),
    ("host", "host.name"),
    ("statusCode", "http.status_code"),
];

pub(crate) struct Vercel;

impl Endpoint for Vercel {
    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal> {
        let body = String::from_utf8_lossy(sent.body);
        let origin = Origin::of(sent.head);
        let mut intake = origin.intake(sent, extracted)?;
        json::each_line(&body, &mut intake, |object, size, place, intake| {
            intake.take(place, record(object, &mut Room::of(size)));
        });
        intake.finish()?;
        Ok(Self)
    }

    fn answer(&self, head: &Parts, outcome: Outcome) -> Response {
        verified(head, answer::stored(outcome))
    }

    fn refuse(_head: &Parts, refusal: Refusal) -> Response {
        answer::refuse(refusal)
    }
}

/// Answers a request that only asks whose endpoint this is.
pub(super) async fn verify(request: Request<Body>) -> Response {
    let (head, _) = request.into_parts();
    verified(&head, ().into_response())
}

/// Adds the proof that Vercel asks for before it sends to an endpoint: the code that it shows to who sets up the drain, and that
/// they put into the endpoint's URL as `?verify=`.
fn verified(head: &Parts, mut response: Response) -> Response {
    let code = query(head, "verify").and_then(|code| HeaderValue::try_from(code).ok());
    if let Some(code) = code {
        response.headers_mut().insert(VERIFY, code);
    }
    response
}

fn record<'a>(object: &'a Map<String, Json>, room: &mut Room) -> Result<Drained<'a>, String> {
    let mut fields = Fields::new(object);
    let mut record = fields.record(&SHAPE);
    record.level = match object.get("type").and_then(text) {
        Some("stdout") => "info",
        Some("stderr") => "error",
        _ => record.level,
    };
    for (name, key) in NAMES {
        if let Some(value) = fields.take(&[name], Some) {
            record.attributes.push(value::pair(key, value, room)?);
        }
    }
    if let Some(proxy) = object.get("proxy") {
        for (name, key) in [("method", "http.method"), ("userAgent", "http.user_agent")] {
            let value = proxy.get(name).map(only);
            let pair = value.map(|value| value::pair(key, value, room));
            record.attributes.extend(pair.transpose()?);
        }
    }
    record.attributes.push(Pair {
        key: "vercel",
        value: Value::Map(fields.others("vercel.".len(), room)?),
    });
    Ok(record)
}

/// The item of a list of one: Vercel has lists of user agents.
fn only(value: &Json) -> &Json {
    match value.as_array().map(Vec::as_slice) {
        Some([one]) => one,
        _ => value,
    }
}
