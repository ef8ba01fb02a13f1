//! An exception, told by a log record or a span event, to a row of `errors`.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::stack::{self, Frame};
use crate::record::Log;
use crate::rows::ErrorRow;

/// How many in-app frames take part in the fingerprint.
const GROUPING_FRAMES: usize = 3;

/// The sender's own word on what groups: it stands in for message and frames.
const FINGERPRINT: &str = "highlight.fingerprint";

/// The error that `log` tells of.
pub(super) fn error(log: &Log<'_>, uuid: Uuid) -> ErrorRow {
    let fields = &log.fields;
    let exception = &fields.exception;
    let message = if exception.message.is_empty() {
        &log.body
    } else {
        &exception.message
    };
    let (frames, json) = if let Some(frames) = stack::parse_structured(&exception.structured) {
        (frames, exception.structured.to_string())
    } else {
        let frames = stack::parse(&exception.stacktrace);
        let json = stack::to_json(&frames);
        (frames, json)
    };
    let payload = exception.rest.iter().chain(&fields.attributes);
    let payload: serde_json::Map<_, _> = payload
        .map(|(key, value)| (key.to_string(), (&**value).into()))
        .collect();
    let own = fields.attributes.iter().find(|(key, _)| key == FINGERPRINT);
    ErrorRow {
        timestamp_ns: log.timestamp_ns,
        uuid,
        project_id: fields.project_id,
        secure_session_id: fields.session.to_string(),
        trace_id: log.trace_id.to_string(),
        span_id: log.span_id.to_string(),
        log_uuid: log.uuid,
        error_type: exception.error_type.to_string(),
        message: message.to_string(),
        stacktrace: exception.stacktrace.to_string(),
        frames: json,
        fingerprint: match own {
            Some((_, own)) => fingerprint(own, &[]),
            None => fingerprint(message, &frames),
        },
        payload: serde_json::Value::Object(payload).to_string(),
        service_name: fields.service_name.to_string(),
        service_version: fields.service_version.to_string(),
        environment: fields.environment.to_string(),
        url: fields.url.to_string(),
        source: fields.source.to_owned(),
    }
}

/// A hash of the message and the first in-app frames; line numbers are left out, so that an edit above does not regroup.
fn fingerprint(message: &str, frames: &[Frame]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(message);
    for frame in frames
        .iter()
        .filter(|frame| frame.in_app())
        .take(GROUPING_FRAMES)
    {
        hasher.update([0]);
        hasher.update(&frame.function);
        hasher.update([0]);
        hasher.update(&frame.file);
    }
    hasher
        .finalize()
        .iter()
        .take(16)
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, file: &str, line: u64) -> Frame {
        Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line,
        }
    }

    #[test]
    fn the_message_and_in_app_frames_group_and_lines_do_not() {
        let here = fingerprint(
            "boom",
            &[
                frame("core::x", "/rustc/a/core.rs", 1),
                frame("pay", "src/pay.rs", 2),
            ],
        );
        assert_eq!(here, fingerprint("boom", &[frame("pay", "src/pay.rs", 9)]));
        assert_ne!(here, fingerprint("bang", &[frame("pay", "src/pay.rs", 2)]));
        assert_ne!(
            here,
            fingerprint("boom", &[frame("refund", "src/pay.rs", 2)])
        );
        assert_eq!(here.len(), 32);
    }
}
