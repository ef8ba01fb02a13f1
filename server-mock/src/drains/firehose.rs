//! `POST /v1/logs/firehose`: records that Amazon Data Firehose delivers (see
//! <https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>), of `CloudWatch` Logs, `FireLens`, or any text.

use std::borrow::Cow;
use std::fmt::Display;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Deserializer, Map, Value as Json, json};

use super::object::{Fields, Shape, fits, text};
use super::origin::service;
use super::{Intake, Origin, answer, cloudwatch};
use crate::body::{self, Refusal, gunzip};
use crate::endpoint::{self, Endpoint, Outcome, Sent, refused};
use crate::extract::{Drained, Extracted, Room, now_ns};

const REQUEST_ID: &str = "x-amz-firehose-request-id";
const COMMON_ATTRIBUTES: &str = "x-amz-firehose-common-attributes";
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What the Fluent Bit of `FireLens` sends: its own names, those of pino inside, or the line as it was written.
const FIRELENS: Shape = Shape {
    message: &["message", "msg", "log"],
    time: &["@timestamp", "timestamp", "time"],
};

/// A delivery that was read.
pub(crate) struct Firehose {
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery<'a> {
    #[serde(borrow, default)]
    request_id: Cow<'a, str>,
    #[serde(default)]
    timestamp: u64,
    #[serde(borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

impl Endpoint for Firehose {
    fn name(headers: &HeaderMap) -> Option<&str> {
        endpoint::text(headers, REQUEST_ID)
    }

    fn extract(sent: &Sent<'_>, extracted: &mut Extracted) -> Result<Self, Refusal> {
        let delivery: Delivery<'_> = serde_json::from_slice(sent.body).map_err(|error| {
            let reason = format!("the body is not a delivery of Firehose: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, reason)
        })?;
        let origin = origin(sent.head)?;
        let mut intake = origin.intake(sent, extracted)?;
        let delivered_ns = delivery.timestamp.saturating_mul(1_000_000);
        let mut largest = body::LARGEST;
        for (number, record) in (1..).zip(&delivery.records) {
            let place = format_args!("record {number}");
            match unpack(&record.data, &mut largest)? {
                Ok(content) => {
                    let content = String::from_utf8_lossy(&content);
                    take(&content, delivered_ns, place, &mut intake);
                }
                Err(reason) => intake.take(place, Err(reason)),
            }
        }
        intake.finish()?;
        let request_id = Some(delivery.request_id.into_owned()).filter(|id| !id.is_empty());
        Ok(Self {
            request_id: request_id.unwrap_or_else(|| request_id_of(sent.head)),
        })
    }

    fn answer(&self, _head: &Parts, outcome: Outcome) -> Response {
        let message = outcome.partial.map(|(_, message)| message);
        told(&self.request_id, message).into_response()
    }

    fn refuse(head: &Parts, Refusal { status, reason }: Refusal) -> Response {
        refused(status, told(&request_id_of(head), Some(reason)))
    }
}

/// Only an answer of this form counts as one.
fn told(request_id: &str, message: Option<String>) -> answer::Body {
    let mut answer = json!({"requestId": request_id, "timestamp": now_ns() / 1_000_000});
    if let Some(message) = message {
        answer["errorMessage"] = answer::bounded(message).into();
    }
    answer::body(&answer)
}

fn request_id_of(head: &Parts) -> String {
    let id = endpoint::text(&head.headers, REQUEST_ID);
    id.unwrap_or_default().to_owned()
}

/// As the parameters of the delivery stream say, or else as for every drain.
fn origin(head: &Parts) -> Result<Origin, Refusal> {
    let mut origin = Origin::of(head);
    let Some(header) = endpoint::text(&head.headers, COMMON_ATTRIBUTES) else {
        return Ok(origin);
    };
    let header: Json = serde_json::from_str(header).map_err(|error| {
        let reason = format!("header {COMMON_ATTRIBUTES} is not JSON: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    })?;
    let attribute = |name| text(&header["commonAttributes"][name]).map(str::to_owned);
    if let Some(project) = attribute("x-highlight-project") {
        origin.project = project;
    }
    if let Some(service) = attribute("x-highlight-service") {
        origin.service = service;
    }
    Ok(origin)
}

/// What a record holds, or why it cannot be told; all records together unpack to no more than `largest`.
fn unpack(data: &str, largest: &mut usize) -> Result<Result<Vec<u8>, String>, Refusal> {
    let Ok(content) = STANDARD.decode(data) else {
        return Ok(Err("data that is not base64".to_owned()));
    };
    if !content.starts_with(&GZIP) {
        return Ok(Ok(content));
    }
    match gunzip(&content, *largest) {
        Ok(unpacked) => {
            *largest -= unpacked.len();
            Ok(Ok(unpacked.into()))
        }
        Err(refusal) if refusal.status == StatusCode::PAYLOAD_TOO_LARGE => Err(body::too_large()),
        Err(_) => Ok(Err("gzip that is broken".to_owned())),
    }
}

/// Takes the objects of a record, one behind another; from the first thing that is none, the text is one message.
fn take(content: &str, delivered_ns: u64, place: impl Display, intake: &mut Intake<'_>) {
    if let Err(reason) = fits(content) {
        return intake.take(place, Err(reason));
    }
    let mut objects = Deserializer::from_str(content).into_iter::<Map<String, Json>>();
    let mut start = 0;
    while let Some(object) = objects.next() {
        let Ok(object) = object else {
            let rest = content[start..].trim();
            return intake.take(place, Ok(plain(rest, delivered_ns)));
        };
        let text = content[start..objects.byte_offset()].trim();
        start = objects.byte_offset();
        let mut room = Room::of(text.len());
        if let Some(events) = cloudwatch::events(&object) {
            cloudwatch::take(&object, events, &place, &mut room, intake);
        } else {
            let record = firelens(&object, text, delivered_ns, &mut room);
            intake.take(&place, record);
        }
    }
}

/// A record of `FireLens`, or of any other JSON, which is its own message then.
fn firelens<'a>(
    object: &'a Map<String, Json>,
    content: &'a str,
    delivered_ns: u64,
    room: &mut Room,
) -> Result<Drained<'a>, String> {
    let mut fields = Fields::new(object);
    let mut record = fields.record(&FIRELENS);
    if record.body.is_empty() {
        return Ok(plain(content, delivered_ns));
    }
    if record.timestamp_ns == 0 {
        record.timestamp_ns = delivered_ns;
    }
    let told = |name| object.get(name).and_then(text);
    if record.level.is_empty() && told("source") == Some("stderr") {
        record.level = "error";
    }
    // By that name pino tells the service, and others what they like.
    let name = told("name").filter(|_| object.contains_key("msg"));
    let name = name.or_else(|| told("container_name"));
    record.defaults.extend(name.map(service));
    fields.rest(record, room)
}

/// A message that tells nothing else.
fn plain(message: &str, delivered_ns: u64) -> Drained<'_> {
    Drained {
        timestamp_ns: delivered_ns,
        body: message,
        defaults: vec![service("firehose.json")],
        ..Drained::default()
    }
}
