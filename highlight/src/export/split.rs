//! A request that the endpoint finds too large (413) becomes two, made from its own bytes.

use std::io::Read as _;
use std::ops::Range;

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use super::batch::{Batch, compressed};
use super::proto;
use super::reader::{Fields, Payload};

/// Nothing of ours is larger before compression; a spool file that says so is not believed.
const LARGEST: u64 = 64 * 1024 * 1024;
/// The field of resource groups in a request, of scope groups in those, and of records in those: in every signal.
const RESOURCE_GROUP: u32 = 1;
const GROUP: u32 = 2;

/// What became of a request that was too large.
#[derive(Debug)]
pub(crate) enum Split {
    /// The two halves, without ids; their bodies were so many bytes together before compression.
    Halves(Box<[Batch; 2]>, usize),
    /// It has one record only, or cannot be read.
    Single,
}

/// Splits a batch by its records.
pub(crate) fn split(batch: &Batch) -> Split {
    let mut plain = Vec::new();
    let read = GzDecoder::new(&batch.body[..])
        .take(LARGEST)
        .read_to_end(&mut plain);
    if read.is_err() {
        return Split::Single;
    }
    let plain = Bytes::from(plain);
    let total = Request::of(&plain).records();
    if total < 2 {
        return Split::Single;
    }
    let middle = total / 2;
    let halves = [0..middle, middle..total].map(|part| {
        let message = Request::of(&plain).only(&part);
        // A metric's data points are counted, while it is the metrics that are split.
        let records = match batch.records {
            records if records == total as u64 => part.len() as u64,
            records if part.start == 0 => records * middle as u64 / total as u64,
            records => records - records * middle as u64 / total as u64,
        };
        let expected = message.len() / 4;
        Batch {
            body: compressed(std::iter::once(message), expected),
            records,
            ..batch.clone()
        }
    });
    Split::Halves(Box::new(halves), plain.len())
}

/// An `Export*ServiceRequest`.
struct Request<'a>(&'a [u8]);

impl<'a> Request<'a> {
    fn of(plain: &'a [u8]) -> Self {
        Request(plain)
    }

    fn records(&self) -> usize {
        below(self.0, RESOURCE_GROUP)
            .flat_map(|resource| below(resource, GROUP))
            .map(|scope| below(scope, GROUP).count())
            .sum()
    }

    /// The same request with a part of its records, and without groups that have none of them.
    fn only(&self, part: &Range<usize>) -> Vec<u8> {
        let mut at = 0;
        let mut message = Vec::new();
        for resource in below(self.0, RESOURCE_GROUP) {
            let mut group = others(resource);
            let head = group.len();
            for scope in below(resource, GROUP) {
                let mut kept = others(scope);
                let head = kept.len();
                for record in below(scope, GROUP) {
                    if part.contains(&at) {
                        proto::bytes_field(&mut kept, 2, record);
                    }
                    at += 1;
                }
                if kept.len() > head {
                    proto::bytes_field(&mut group, 2, &kept);
                }
            }
            if group.len() > head {
                proto::bytes_field(&mut message, 1, &group);
            }
        }
        message
    }
}

/// The messages in one field.
fn below(message: &[u8], field: u32) -> impl Iterator<Item = &[u8]> {
    Fields::new(message).filter_map(move |found| match found.payload {
        Payload::Bytes(bytes) if found.number == field => Some(bytes),
        _ => None,
    })
}

/// All of a group but what it groups: its resource or scope, and the schema's URL.
fn others(message: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for field in Fields::new(message).filter(|field| field.number != GROUP) {
        kept.extend_from_slice(field.raw);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::batch::seal;
    use crate::export::chunk::Chunk;
    use crate::export::stats::Signal;
    use opentelemetry::InstrumentationScope;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use prost::Message as _;

    fn batch(records: u64) -> Batch {
        let mut resource = Vec::new();
        proto::key_value(&mut resource, 1, "service.name", proto::Scalar::Str("shop"));
        let mut chunk = Chunk::default();
        for at in 0..records {
            let name = if at % 3 == 0 { "one" } else { "two" };
            let scope = InstrumentationScope::builder(name)
                .with_schema_url("https://schema")
                .build();
            let mut record = Vec::new();
            proto::fixed64_field(&mut record, 1, at + 1);
            assert!(chunk.append(&scope, &record, 1, |_| true));
        }
        seal(&resource, Signal::Logs, chunk, 1, 7)
    }

    fn decoded(batch: &Batch) -> ExportLogsServiceRequest {
        let mut plain = Vec::new();
        GzDecoder::new(&batch.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        ExportLogsServiceRequest::decode(plain.as_slice()).unwrap()
    }

    /// Sequence numbers of all records with the name of their scope.
    fn records(batch: &Batch) -> Vec<(String, u64)> {
        let request = decoded(batch);
        assert_eq!(request.resource_logs.len(), 1);
        let group = &request.resource_logs[0];
        assert_eq!(group.resource.as_ref().unwrap().attributes.len(), 1);
        let scopes = group.scope_logs.iter();
        let records = scopes.flat_map(|scope| {
            assert_eq!(scope.schema_url, "https://schema");
            let name = &scope.scope.as_ref().unwrap().name;
            scope
                .log_records
                .iter()
                .map(|log| (name.clone(), log.time_unix_nano))
        });
        records.collect()
    }

    #[test]
    fn halves_are_whole_requests_and_have_every_record_once() {
        for count in 2..20 {
            let batch = batch(count);
            let Split::Halves(halves, _) = split(&batch) else {
                panic!("{count} records can be split")
            };
            let [one, two] = halves.as_ref();
            assert_eq!(one.records + two.records, count);
            let mut both = records(one);
            assert_eq!(both.len() as u64, one.records);
            both.extend(records(two));
            assert_eq!(both, records(&batch));
        }
    }

    #[test]
    fn what_cannot_be_split_is_told() {
        assert!(matches!(split(&batch(1)), Split::Single));
        let mut broken = batch(4);
        broken.body = Bytes::from_static(b"no gzip");
        assert!(matches!(split(&broken), Split::Single));
    }
}
