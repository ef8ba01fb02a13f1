//! One spooled request as a file: its name, its layout, and what makes it trustworthy.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `HLSPOOL` and the version, 1 |
//! | 16 | the batch's id |
//! | 8 | how many records |
//! | 8 | length of the body |
//! | 2, then so many | length and text of the project id |
//! | 1, then so many | length and text of the signal's name |
//! | the rest but 4 | the body: gzip-compressed protobuf |
//! | 4 | CRC-32 of all before |
//!
//! Numbers are little-endian. The name tells the order of sending, the number of records and the signal, so that a directory
//! is known without opening its files.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Crc;
use http::HeaderValue;

use super::batch::{Batch, Spooled};
use super::stats::Signal;

const MAGIC: [u8; 8] = *b"HLSPOOL\x01";
const EXTENSION: &str = "otlp";
/// What a file takes at least on most file systems.
const DISK_BLOCK: u64 = 4096;

/// A file as its name tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) signal: Signal,
    pub(crate) records: u64,
    /// Bytes of disk that it takes.
    pub(crate) disk: u64,
}

impl Entry {
    /// The file for a batch stored so many milliseconds after 1970, the `count`th of the `home` that stores it.
    pub(crate) fn new(batch: &Batch, millis: u64, home: u32, count: u32, bytes: u64) -> Self {
        let (records, signal) = (batch.records, batch.signal);
        let name = signal.name();
        Entry {
            name: format!("{millis:013}-{home:08x}{count:08x}-{records}-{name}.{EXTENSION}"),
            signal,
            records,
            disk: on_disk(bytes),
        }
    }

    /// None when it is no name of ours, or of a signal that this version does not know.
    pub(crate) fn parse(name: &str, bytes: u64) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        let mut parts = stem.split('-');
        let (_millis, _order) = (parts.next()?, parts.next()?);
        let records = parts.next()?.parse().ok()?;
        let signal = Signal::named(parts.next()?)?;
        let ours = extension == EXTENSION && parts.next().is_none();
        ours.then(|| Entry {
            name: name.to_owned(),
            signal,
            records,
            disk: on_disk(bytes),
        })
    }
}

fn on_disk(bytes: u64) -> u64 {
    bytes.div_ceil(DISK_BLOCK).max(1) * DISK_BLOCK
}

/// All of a file before the body.
pub(crate) fn header(batch: &Batch, project: &HeaderValue) -> Vec<u8> {
    let project = project.as_bytes();
    let signal = batch.signal.name();
    let mut header = Vec::with_capacity(64 + project.len() + signal.len());
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&batch.id.to_le_bytes());
    header.extend_from_slice(&batch.records.to_le_bytes());
    header.extend_from_slice(&(batch.body.len() as u64).to_le_bytes());
    let length = u16::try_from(project.len()).unwrap_or(0);
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(&project[..usize::from(length)]);
    header.extend(u8::try_from(signal.len()));
    header.extend_from_slice(signal.as_bytes());
    header
}

/// Writes a whole file.
///
/// # Errors
/// The disk's.
pub(crate) fn write(file: &mut impl Write, header: &[u8], body: &[u8]) -> io::Result<()> {
    let mut crc = Crc::new();
    crc.update(header);
    crc.update(body);
    file.write_all(header)?;
    file.write_all(body)?;
    file.write_all(&crc.sum().to_le_bytes())
}

/// The batch in a file; None when anything in it is not as it was written, or not as its name says.
pub(crate) fn read(entry: &Entry, file: Vec<u8>) -> Option<Batch> {
    let file = Bytes::from(file);
    let whole = file.len().checked_sub(4)?;
    let mut crc = Crc::new();
    crc.update(&file[..whole]);
    if file[whole..] != crc.sum().to_le_bytes() {
        return None;
    }
    let mut rest = Reader(file.slice(..whole));
    let magic: [u8; 8] = rest.array()?;
    let id = u128::from_le_bytes(rest.array()?);
    let records = u64::from_le_bytes(rest.array()?);
    let length = usize::try_from(u64::from_le_bytes(rest.array()?)).ok()?;
    let project = u16::from_le_bytes(rest.array()?);
    let project = HeaderValue::from_maybe_shared(rest.take(usize::from(project))?).ok()?;
    let [signal] = rest.array()?;
    let signal = rest.take(usize::from(signal))?;
    let body = rest.take(length)?;
    let right = magic == MAGIC
        && records == entry.records
        && signal == entry.signal.name()
        && rest.0.is_empty();
    right.then(|| Batch {
        id,
        signal: entry.signal,
        body,
        records,
        held: 0,
        sequence: u64::MAX,
        spooled: Some(Spooled {
            entry: entry.clone(),
            project,
        }),
    })
}

struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.as_ref().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch {
            id: 7 << 90,
            signal: Signal::Logs,
            body: Bytes::from_static(b"a compressed body"),
            records: 12,
            held: 99,
            sequence: 3,
            spooled: None,
        }
    }

    fn file() -> (Entry, Vec<u8>) {
        let batch = batch();
        let mut file = Vec::new();
        let header = header(&batch, &HeaderValue::from_static("1jdkoe52"));
        write(&mut file, &header, &batch.body).unwrap();
        let entry = Entry::new(&batch, 1_700_000_000_000, 0xabc, 1, file.len() as u64);
        (entry, file)
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let (entry, file) = file();
        let read = read(&entry, file).unwrap();
        let written = batch();
        assert_eq!(
            (read.id, read.signal, read.records, &read.body),
            (written.id, written.signal, written.records, &written.body)
        );
        let spooled = read.spooled.unwrap();
        assert_eq!(spooled.project, "1jdkoe52");
        assert_eq!(spooled.entry, entry);
    }

    #[test]
    fn any_change_and_any_cut_is_noticed() {
        let (entry, file) = file();
        for at in 0..file.len() {
            assert!(read(&entry, file[..at].to_vec()).is_none(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                assert!(read(&entry, damaged).is_none(), "bit {bit} of byte {at}");
            }
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(read(&entry, longer).is_none());
    }

    #[test]
    fn a_right_checksum_does_not_excuse_a_wrong_length_or_name() {
        let (entry, mut file) = file();
        file.truncate(file.len() - 4);
        for (at, value) in [(7, 2), (24, 13), (32, 255), (39, 255), (41, 255)] {
            let mut lying = file.clone();
            lying[at] = value;
            let mut sealed = Vec::new();
            write(&mut sealed, &lying, &[]).unwrap();
            assert!(read(&entry, sealed).is_none(), "{value} at {at}");
        }
    }

    #[test]
    fn names_tell_order_records_and_signal() {
        let (entry, file) = file();
        assert_eq!(Entry::parse(&entry.name, file.len() as u64), Some(entry));
        let later = Entry::new(&batch(), 1_700_000_000_001, 0, 0, 1);
        assert!(later.name > Entry::new(&batch(), 1_700_000_000_000, 9, 9, 1).name);
        for name in [
            "",
            "lock",
            "x.otlp",
            "1-2-3-profiles.otlp",
            "1-2-x-logs.otlp",
            "1-2-3-logs.tmp",
            "1-2-3-logs-4.otlp",
        ] {
            assert_eq!(Entry::parse(name, 1), None, "{name}");
        }
        assert_eq!(Entry::parse("1-2-3-logs.otlp", 0).unwrap().disk, 4096);
        assert_eq!(Entry::parse("1-2-3-logs.otlp", 4097).unwrap().disk, 8192);
    }
}
