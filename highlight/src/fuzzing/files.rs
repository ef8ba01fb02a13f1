//! Files and texts: the spool's, and stacks that other libraries print.

use flate2::Crc;

use crate::export::batch::Batch;
use crate::export::spool_file::{self, Entry};
use crate::export::value;
use crate::stacktrace::{Entries, Lines, Resolver, Stack, StackForm};

/// A first line with the name, then the file: as it is, and with the checksum that it should have, which no fuzzer guesses.
pub fn spool_file(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (name, file) = data.split_at(at.unwrap_or(data.len()));
    let file = file.get(1..).unwrap_or_default();
    let Some(entry) = str::from_utf8(name)
        .ok()
        .and_then(|name| Entry::parse(name, file.len() as u64))
    else {
        return;
    };
    assert!(
        entry.disk >= file.len() as u64 && entry.disk > 0,
        "its place on disk is not counted"
    );
    taken(&entry, file);
    let mut sealed = file.to_vec();
    let mut crc = Crc::new();
    crc.update(file);
    sealed.extend_from_slice(&crc.sum().to_le_bytes());
    taken(&entry, &sealed);
}

/// What is taken is what would be written, to the byte, and nothing that differs from it in one bit is taken.
fn taken(entry: &Entry, file: &[u8]) {
    let Some(batch) = spool_file::read(entry, file.to_vec()) else {
        return;
    };
    assert_eq!((batch.signal, batch.records), (entry.signal, entry.records));
    assert_eq!(written(&batch), file, "it was written otherwise");
    let mut damaged = file.to_vec();
    for at in [0, file.len() / 3, file.len() / 2, file.len() - 1] {
        damaged[at] ^= 1 << (at % 8);
        assert!(
            spool_file::read(entry, damaged.clone()).is_none(),
            "the change at {at} of {} went unnoticed",
            value::hex(file)
        );
        damaged[at] ^= 1 << (at % 8);
    }
}

fn written(batch: &Batch) -> Vec<u8> {
    let mut file = Vec::new();
    if let Some(spooled) = &batch.spooled {
        let header = spool_file::header(batch, &spooled.project);
        let done = spool_file::write(&mut file, &header, &batch.body);
        assert!(done.is_ok(), "memory takes every write");
    }
    file
}

/// Whatever was printed becomes a stack within bounds, in which the backend finds as many frames as there are.
pub fn printed_stack(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let trace = Stack::Printed(text).resolve(&mut Resolver::new());
    assert!(trace.frames.len() <= 64, "{} frames", trace.frames.len());
    for frame in &trace.frames {
        for text in [&frame.function, &frame.file] {
            assert!(!text.contains(char::is_control), "{frame:?}");
        }
        assert!(
            !frame.file.is_empty() && !frame.function.contains('.'),
            "{frame:?}"
        );
    }
    let mut go = String::new();
    Lines::of(&trace, StackForm::Go).write(&mut go, "message", &["cause".to_owned()]);
    assert!(go.len() <= 60_000, "{} bytes", go.len());
    assert!(
        go.starts_with("\nmessage\n") && go.ends_with("\nCaused by: cause"),
        "{go:?}"
    );
    let places = go.lines().filter(|line| line.starts_with('\t')).count();
    assert!(places <= trace.frames.len(), "{go:?}");
    assert_eq!(go.matches('\t').count(), places, "{go:?}");
    let mut structured = String::new();
    Entries::of(&trace, None).write(&mut structured, "message");
    assert!(structured.len() <= 60_000, "{} bytes", structured.len());
    let entries: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&structured);
    assert!(
        entries.is_ok_and(|entries| entries.len() <= trace.frames.len()),
        "{structured}"
    );
}
