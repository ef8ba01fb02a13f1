//! Lines of source around a frame, for builds that run where they were compiled.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

use serde::Serialize;

/// Largest source file that is read.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// How many files, and bytes of them, are kept before all are forgotten.
const MAX_FILES: usize = 128;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Lines shown before and after, and characters of each.
const AROUND: usize = 5;
const MAX_COLUMNS: usize = 1_000;

/// A line of source and its neighbours.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Context {
    #[serde(rename = "lineContent")]
    pub(super) line: String,
    #[serde(rename = "linesBefore")]
    pub(super) before: String,
    #[serde(rename = "linesAfter")]
    pub(super) after: String,
}

/// Source files, read once and kept within bounds, those that cannot be read included.
#[derive(Debug, Default)]
pub(crate) struct SourceLines {
    files: HashMap<String, Option<String>>,
    bytes: usize,
}

impl SourceLines {
    /// A reader that has read nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The line, counted from 1, and five to each side; none if the file or the line is not there.
    pub(super) fn around(&mut self, file: &str, line: u32) -> Option<Context> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let first = index.saturating_sub(AROUND);
        let mut lines = self.text(file)?.lines().skip(first).map(shorten);
        let before: Vec<_> = lines.by_ref().take(index - first).collect();
        let line = lines.next()?.to_owned();
        let after: Vec<_> = lines.take(AROUND).collect();
        Some(Context {
            line,
            before: before.join("\n"),
            after: after.join("\n"),
        })
    }

    fn text(&mut self, file: &str) -> Option<&str> {
        if !self.files.contains_key(file) {
            let text = read(Path::new(file));
            let size = text.as_ref().map_or(0, String::len);
            if self.files.len() >= MAX_FILES || self.bytes + size > MAX_BYTES {
                *self = Self::default();
            }
            self.bytes += size;
            self.files.insert(file.to_owned(), text);
        }
        self.files.get(file)?.as_deref()
    }
}

/// Reads Rust source, and only that: a regular file of a sensible size, no link, pipe or device.
fn read(path: &Path) -> Option<String> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    if !is_rust || !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

fn shorten(line: &str) -> &str {
    line.char_indices()
        .nth(MAX_COLUMNS)
        .map_or(line, |(end, _)| &line[..end])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Context, MAX_BYTES, MAX_FILE, MAX_FILES, SourceLines};

    fn numbered(from: u32, to: u32) -> String {
        let lines: Vec<_> = (from..=to).map(|line| format!("line {line}")).collect();
        lines.join("\n")
    }

    #[test]
    fn five_lines_to_each_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("main.rs");
        fs::write(&path, numbered(1, 20)).unwrap();
        let path = path.to_str().unwrap();
        let mut source = SourceLines::new();
        for (line, before, after) in [
            (10, numbered(5, 9), numbered(11, 15)),
            (1, String::new(), numbered(2, 6)),
            (3, numbered(1, 2), numbered(4, 8)),
            (20, numbered(15, 19), String::new()),
        ] {
            let context = Context {
                line: format!("line {line}"),
                before,
                after,
            };
            assert_eq!(source.around(path, line), Some(context));
        }
        for line in [0, 21, u32::MAX] {
            assert_eq!(source.around(path, line), None);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("main.rs");
        fs::write(&path, "é".repeat(3_000)).unwrap();
        let context = SourceLines::new().around(path.to_str().unwrap(), 1);
        assert_eq!(context.unwrap().line, "é".repeat(1_000));
    }

    #[test]
    fn only_readable_source_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("key.pem"), "secret").unwrap();
        fs::write(at("binary.rs"), [0xff, 0xfe]).unwrap();
        fs::create_dir(at("folder.rs")).unwrap();
        let huge = fs::File::create(at("huge.rs")).unwrap();
        huge.set_len(MAX_FILE + 1).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("key.pem"), at("link.rs")).unwrap();
        let mut source = SourceLines::new();
        for name in [
            "key.pem",
            "binary.rs",
            "folder.rs",
            "huge.rs",
            "link.rs",
            "gone.rs",
        ] {
            assert_eq!(source.around(at(name).to_str().unwrap(), 1), None, "{name}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = SourceLines::new();
        for file in 0..2 * MAX_FILES {
            source.around(&format!("gone{file}.rs"), 1);
            assert!(source.files.len() <= MAX_FILES);
        }
        for file in 0..6 {
            let path = folder.path().join(format!("{file}.rs"));
            fs::File::create(&path).unwrap().set_len(MAX_FILE).unwrap();
            assert!(source.around(path.to_str().unwrap(), 1).is_some());
            assert!(source.bytes <= MAX_BYTES);
        }
    }
}
