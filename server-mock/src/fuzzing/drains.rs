//! Bodies sent to the log drains.

use axum::http::Request;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{NOW, check_rows, kept, packed, rejected};
use crate::drains::{Firehose, JsonLogs, RawLog, Vercel};
use crate::endpoint::{Endpoint, Sent};
use crate::extract::{Extracted, RowIds};
use crate::rows::{LogRow, Rows};
use crate::store::Tables;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// What the attributes of records may be larger than what was sent: so many times, and so many bytes for each of them.
const TIMES: usize = 16;
const EACH: usize = 4_096;

/// A body sent to each of the drains, and what it says put into one that is well formed.
pub fn drains(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let said = |extracted: &Extracted| -> Vec<String> {
        let logs = kept(extracted).logs.iter();
        logs.map(|log| log.body.clone()).collect()
    };
    for content_type in [JSON, LINES] {
        bounded(&taken::<JsonLogs>(data, content_type), text.len());
    }
    bounded(&taken::<Vercel>(data, LINES), text.len());
    taken::<Firehose>(data, JSON);

    if !data.is_empty() {
        let raw = taken::<RawLog>(data, "text/plain");
        assert_eq!(said(&raw), [&*text]);
    }
    // A good line is taken, whatever stands around it.
    let object = json!({"message": text, "level": 50, "k": text}).to_string();
    let lines = [data, b"\n", object.as_bytes(), b"\n", data].concat();
    for extracted in [
        taken::<JsonLogs>(&lines, LINES),
        taken::<Vercel>(&lines, LINES),
        taken::<JsonLogs>(object.as_bytes(), JSON),
    ] {
        let found = said(&extracted).iter().any(|body| *body == text);
        assert!(found, "{text:?} is lost of {extracted:?}");
    }
    delivered(data, &text);
}

/// A record of Firehose, as it is and packed: it says the same both times, and leaves the record behind it alone.
fn delivered(data: &[u8], text: &str) {
    let [plain, packed] = [data, &packed(data)].map(|record| {
        let records = [record, b"the last one"].map(|data| json!({"data": STANDARD.encode(data)}));
        let body = json!({"requestId": "id", "timestamp": 1, "records": records}).to_string();
        taken::<Firehose>(body.as_bytes(), JSON)
    });
    for extracted in [&plain, &packed] {
        let last = kept(extracted).logs.last().map(|log| &*log.body);
        assert_eq!(last, Some("the last one"));
    }
    // Another gzip within the data is undone only where it is not within one already.
    if !data.starts_with(&[0x1f, 0x8b]) {
        bounded(&plain, text.len());
        let rows = |extracted: &Extracted| -> Vec<LogRow> {
            let logs = kept(extracted).logs.iter();
            let without_chance = logs.map(|log| LogRow {
                uuid: uuid::Uuid::nil(),
                timestamp_ns: 0,
                ..log.clone()
            });
            without_chance.collect()
        };
        assert_eq!(rows(&plain), rows(&packed));
    }
}

/// Turns a body into rows: every record is one, or is rejected and counted.
fn taken<E: Endpoint>(body: &[u8], content_type: &str) -> Extracted {
    let head = head(content_type);
    let (tables, rows) = (Some(Tables::default()), Some(Rows::default()));
    let mut extracted = Extracted::new(RowIds::random(), tables, rows);
    let sent = Sent {
        head: &head,
        body,
        received_ns: NOW,
    };
    let refused = E::extract(&sent, &mut extracted).err();
    let rows = kept(&extracted);
    check_rows(rows);
    assert_eq!(rows.logs.len() + rejected(&extracted), extracted.records);
    assert!(rows.errors.len() <= rows.logs.len());
    assert!(rows.spans.is_empty() && rows.metrics.is_empty());
    if let Some(refusal) = refused {
        assert!(rows.logs.is_empty(), "{refusal:?} of what was taken");
        assert!(refusal.status.is_client_error(), "{refusal:?}");
    }
    extracted
}

fn head(content_type: &str) -> Parts {
    let request = Request::post("/v1/logs/json?project=1&service=shop");
    let request = request.header("content-type", content_type).body(());
    let (head, ()) = request.expect("all of it is text").into_parts();
    head
}

/// No list under a long key becomes more than a sender pays for.
fn bounded(extracted: &Extracted, sent: usize) {
    let logs = &kept(extracted).logs;
    let attributes = logs.iter().flat_map(|log| &log.attributes);
    let bytes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
    let most = TIMES * sent + EACH * extracted.records;
    assert!(bytes <= most, "{bytes} bytes of attributes from {sent}");
}
