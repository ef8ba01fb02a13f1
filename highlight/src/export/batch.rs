//! A sealed chunk becomes one compressed OTLP request.

use std::hash::{BuildHasher as _, RandomState};
use std::mem;

use bytes::Bytes;
use http::HeaderValue;
use opentelemetry::InstrumentationScope;

use super::chunk::{Chunk, Piece};
use super::gzip::{Before, Gzip};
use super::spool_file::Entry;
use super::stats::Signal;
use super::{proto, value};
use crate::scrub::Scrub;

/// Field numbers of `Export{Trace,Logs,Metrics}ServiceRequest`, `Resource{Spans,Logs,Metrics}` and
/// `Scope{Spans,Logs,Metrics}`: the signals share them.
const RESOURCE_GROUP: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_GROUP: u32 = 2;
const SCOPE: u32 = 1;
const SCHEMA_URL: u32 = 3;

/// A request body ready to be sent, and sent again.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The same for every attempt, also after a restart: by it the endpoint can recognise what it has already.
    pub(crate) id: u128,
    pub(crate) signal: Signal,
    /// Gzip-compressed protobuf.
    pub(crate) body: Bytes,
    pub(crate) records: u64,
    /// Bytes of the budget to give back when it is settled.
    pub(crate) held: usize,
    pub(crate) sequence: u64,
    /// Where it is on disk too.
    pub(crate) spooled: Option<Spooled>,
}

/// The file behind a batch.
#[derive(Debug, Clone)]
pub(crate) struct Spooled {
    pub(crate) entry: Entry,
    /// The project it was recorded for.
    pub(crate) project: HeaderValue,
}

/// Ids for batches: random for the process, counted within it.
#[derive(Debug)]
pub(crate) struct BatchIds(u128);

impl BatchIds {
    pub(crate) fn new() -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        BatchIds(u128::from(random) << 64)
    }

    pub(crate) fn next(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

/// Compresses a chunk under the encoded `resource`, giving each of its blocks to `done` as it goes.
pub(crate) fn seal(
    resource: &[u8],
    signal: Signal,
    chunk: Chunk,
    id: u128,
    sequence: u64,
    done: impl FnMut(Vec<u8>),
) -> Batch {
    let (records, budget) = (chunk.records, chunk.held);
    let mut heads = Vec::with_capacity(chunk.groups.len());
    let mut groups = 0;
    for group in &chunk.groups {
        let head = scope_head(&group.scope, group.size);
        groups += head.len() + group.size;
        heads.push(head);
    }
    // A repeat has a code for every 258 bytes.
    let expected = chunk.weight / 4 + (chunk.size - chunk.weight) / 64;
    let mut front = Vec::with_capacity(resource.len() + 32);
    let resource_size = proto::len_field_size(RESOURCE, resource.len());
    proto::len_header(&mut front, RESOURCE_GROUP, resource_size + groups);
    proto::bytes_field(&mut front, RESOURCE, resource);

    let blocks = heads
        .into_iter()
        .zip(chunk.groups)
        .flat_map(|(head, group)| std::iter::once(head.into()).chain(group.blocks));
    Batch {
        id,
        signal,
        body: compressed(std::iter::once(front.into()).chain(blocks), expected, done),
        records,
        held: budget,
        sequence,
        spooled: None,
    }
}

/// Compresses pieces, each given to `done` once nothing more is like it.
pub(crate) fn compressed(
    pieces: impl Iterator<Item = Piece>,
    expected: usize,
    mut done: impl FnMut(Vec<u8>),
) -> Bytes {
    let mut gzip = Gzip::new(expected);
    let mut last = Piece::default();
    // Of the last piece, what is behind its last tail.
    let mut rest = 0..0;
    for piece in pieces {
        let before = Before::from(&last.bytes[rest]);
        let from = add_with_tails(&mut gzip, before, &piece);
        rest = from..piece.bytes.len();
        done(mem::replace(&mut last, piece).bytes);
    }
    done(last.bytes);
    let mut body = gzip.finish();
    body.shrink_to_fit();
    Bytes::from(body)
}

/// Says where the bytes behind the last tail begin.
fn add_with_tails<'a>(gzip: &mut Gzip, mut before: Before<'a>, piece: &'a Piece) -> usize {
    let mut from = 0;
    for (at, tail) in &piece.tails {
        let bytes = &piece.bytes[from..*at];
        // Behind a tail comes mostly what another one belongs to.
        if before.gap > 0 && bytes.len() == before.bytes.len() {
            gzip.add_alike(before, bytes);
        } else {
            gzip.add(before, bytes);
        }
        gzip.add_tail(tail);
        before = Before {
            bytes,
            gap: tail.bytes().len(),
        };
        from = *at;
    }
    gzip.add(before, &piece.bytes[from..]);
    from
}

/// All of a scope group but its records.
fn scope_head(scope: &InstrumentationScope, records: usize) -> Vec<u8> {
    let mut message = Vec::new();
    proto::str_field(&mut message, 1, scope.name());
    proto::str_field(&mut message, 2, scope.version().unwrap_or_default());
    for attribute in scope.attributes() {
        let (name, value) = (attribute.key.as_str(), &attribute.value);
        value::attribute(&mut message, 3, name, value, &Scrub::default());
    }
    let mut inner = Vec::with_capacity(message.len() + 16);
    proto::bytes_field(&mut inner, SCOPE, &message);
    proto::str_field(
        &mut inner,
        SCHEMA_URL,
        scope.schema_url().unwrap_or_default(),
    );
    let mut head = Vec::with_capacity(inner.len() + 8);
    proto::len_header(&mut head, SCOPE_GROUP, inner.len() + records);
    head.extend_from_slice(&inner);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use prost::Message as _;
    use std::io::Read as _;

    #[test]
    fn a_chunk_with_two_scopes_decodes_with_the_reference_types() {
        let mut resource = Vec::new();
        proto::key_value(&mut resource, 1, "service.name", proto::Scalar::Str("shop"));
        let mut chunk = Chunk::default();
        let mut record = Vec::new();
        proto::fixed64_field(&mut record, 1, 42);
        let first = InstrumentationScope::builder("first")
            .with_version("1")
            .with_schema_url("https://schema")
            .with_attributes([opentelemetry::KeyValue::new("k", "v")])
            .build();
        let second = InstrumentationScope::builder("second").build();
        for scope in [&first, &second, &first] {
            assert!(
                chunk.append(scope, record.as_slice().into(), 1, |capacity, _| Some(
                    Vec::with_capacity(capacity)
                ))
            );
        }
        let (held, size) = (chunk.held, chunk.size);
        let batch = seal(&resource, Signal::Logs, chunk, 1, 7, drop);
        assert_eq!((batch.records, batch.held, batch.sequence), (3, held, 7));

        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&batch.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        assert!(plain.len() <= size + resource.len() + 64, "{}", plain.len());
        let request = ExportLogsServiceRequest::decode(plain.as_slice()).unwrap();
        let [group] = &request.resource_logs[..] else {
            panic!("one resource expected")
        };
        assert_eq!(
            group.resource.as_ref().unwrap().attributes[0].key,
            "service.name"
        );
        let [one, two] = &group.scope_logs[..] else {
            panic!("two scopes expected")
        };
        let scope = one.scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("first", "1")
        );
        assert_eq!(scope.attributes[0].key, "k");
        assert_eq!(one.schema_url, "https://schema");
        assert_eq!(one.log_records.len(), 2);
        assert_eq!(two.log_records.len(), 1);
        assert_eq!(two.log_records[0].time_unix_nano, 42);
    }
}
