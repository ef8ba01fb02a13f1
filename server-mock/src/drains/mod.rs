//! Log drains: logs that platforms and other loggers post as text or JSON, read as highlight.io's backend reads them.
//!
//! Each endpoint finds the records in its body, `object` reads a JSON one, and an [`Intake`] turns each into rows or counts why
//! there are none. What is not UTF-8 is replaced, not refused: most of a message is better than none.

mod answer;
mod clock;
mod cloudwatch;
mod firehose;
mod json;
mod level;
mod object;
mod origin;
mod pino;
mod raw;
mod value;
mod vercel;

use axum::Router;
use axum::routing::post;

pub(crate) use firehose::Firehose;
pub(crate) use json::JsonLogs;
use origin::{Intake, Origin};
pub(crate) use raw::RawLog;
pub(crate) use vercel::Vercel;

use crate::ingest::{App, take};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/logs/raw", post(take::<RawLog>))
        .route("/v1/logs/json", post(take::<JsonLogs>))
        .route("/v1/logs/firehose", post(take::<Firehose>))
        .route("/vercel/v1/logs", post(take::<Vercel>).get(vercel::verify))
}
