//! Request bodies: read whole, decompressed, and bounded both times.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http_body_util::LengthLimitError;

/// The largest body taken, compressed or not, in bytes.
pub(crate) const LARGEST: usize = 64 * 1024 * 1024;

/// Why a request is refused: the status to answer with, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
        }
    }
}

/// Reads the body as it is on the wire.
pub(crate) async fn read(body: Body) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, LARGEST).await.map_err(|error| {
        match std::error::Error::source(&error) {
            Some(source) if source.is::<LengthLimitError>() => too_large(),
            _ => Refusal::new(StatusCode::BAD_REQUEST, "the body ended early"),
        }
    })
}

/// Undoes the body's `Content-Encoding`.
pub(crate) fn decompress(headers: &HeaderMap, wire: Bytes) -> Result<Bytes, Refusal> {
    match headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes().to_ascii_lowercase())
        .as_deref()
    {
        None | Some(b"" | b"identity") => Ok(wire),
        Some(b"gzip") => gunzip(&wire, LARGEST),
        Some(other) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "content-encoding {} is not supported: use gzip or identity",
                String::from_utf8_lossy(other)
            ),
        )),
    }
}

/// Undoes gzip, to no more than so many bytes.
pub(crate) fn gunzip(wire: &[u8], largest: usize) -> Result<Bytes, Refusal> {
    let mut decoded = Vec::with_capacity(told_size(wire).min(largest) + 1);
    MultiGzDecoder::new(wire)
        .take(largest as u64 + 1)
        .read_to_end(&mut decoded)
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body is not gzip"))?;
    if decoded.len() > largest {
        Err(too_large())
    } else {
        Ok(decoded.into())
    }
}

/// The size that the last four bytes of a gzip body tell; a hint, as it may be wrong.
fn told_size(wire: &[u8]) -> usize {
    let told = wire
        .last_chunk()
        .map_or(0, |told| u32::from_le_bytes(*told));
    usize::try_from(told).unwrap_or(0)
}

pub(crate) fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is larger than {LARGEST} bytes"),
    )
}
