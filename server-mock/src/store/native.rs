//! `ClickHouse`'s `Native` format (see <https://clickhouse.com/docs/interfaces/formats/Native>): blocks of whole columns.
//!
//! The engine takes them faster than the same rows as `RowBinary`, value by value. Every block costs it
//! something however few rows it has, so the blocks of small requests are joined.

use std::mem;

use uuid::Uuid;

use crate::extract::Id;

/// The name and type of a column, as a block tells them. A type may be simpler than the table's: `ClickHouse` converts.
pub(super) type Header = (&'static str, &'static str);

/// How many rows make a block large enough to stay one of its own.
const LARGE: usize = 8_192;

/// Rows of one table, by column.
#[derive(Debug, Default)]
pub(super) struct Block {
    columns: Vec<Column>,
    rows: usize,
}

impl Block {
    /// Begins a row that fills so many columns.
    pub(super) fn row(&mut self, columns: usize) -> Row<'_> {
        self.columns.resize_with(columns, Column::default);
        self.rows += 1;
        Row(self.columns.iter_mut())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How long its values are together.
    pub(super) fn bytes(&self) -> usize {
        let streams = self.columns.iter().flat_map(|column| &column.streams);
        streams.map(|stream| stream.0.len()).sum()
    }

    /// All blocks with their headers, small ones joined.
    pub(super) fn chunks(
        blocks: impl IntoIterator<Item = Self>,
        headers: &[Header],
    ) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        let mut open = Self::default();
        for block in blocks {
            if open.rows >= LARGE || block.rows >= LARGE {
                chunks.push(mem::take(&mut open).into_bytes(headers));
            }
            open.append(block);
        }
        chunks.push(open.into_bytes(headers));
        chunks.retain(|chunk| !chunk.is_empty());
        chunks
    }

    /// Appends the rows of another block of the same table.
    fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.rows += other.rows;
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            column.append(&more);
        }
    }

    /// The block with its headers; nothing when it has no rows.
    fn into_bytes(self, headers: &[Header]) -> Vec<u8> {
        let mut out = Values::default();
        if self.rows == 0 {
            return out.0;
        }
        out.0.reserve_exact(self.bytes() + headers.len() * 64 + 16);
        out.length(headers.len());
        out.length(self.rows);
        for ((name, kind), column) in headers.iter().zip(self.columns) {
            out.string(name);
            out.string(kind);
            for stream in column.streams {
                out.0.extend_from_slice(&stream.0);
            }
        }
        out.0
    }
}

/// One column: where its arrays end and those in them, if it has any, then its values; a map's keys are apart from its values.
#[derive(Debug, Default)]
struct Column {
    streams: [Values; 4],
    ends: [u64; 2],
}

impl Column {
    /// Appends that an array of so many items ends, at the given depth.
    fn end(&mut self, depth: usize, items: usize) {
        self.ends[depth] += items as u64;
        let end = self.ends[depth];
        self.streams[depth].u64(end);
    }

    /// Appends another column's rows. Where arrays end is counted from the first row on; a column without arrays has no ends.
    fn append(&mut self, more: &Self) {
        for (at, (stream, more_of_it)) in self.streams.iter_mut().zip(&more.streams).enumerate() {
            match self.ends.get(at) {
                Some(&before) if before > 0 => {
                    let (ends, _) = more_of_it.0.as_chunks();
                    for end in ends {
                        stream.u64(before + u64::from_le_bytes(*end));
                    }
                }
                _ => stream.0.extend_from_slice(&more_of_it.0),
            }
        }
        for (end, more_of_them) in self.ends.iter_mut().zip(more.ends) {
            *end += more_of_them;
        }
    }

    fn pairs<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        depth: usize,
        pairs: impl Iterator<Item = (K, V)>,
    ) {
        let mut count = 0;
        for (key, value) in pairs {
            self.streams[depth + 1].string(key.as_ref());
            self.streams[depth + 2].string(value.as_ref());
            count += 1;
        }
        self.end(depth, count);
    }
}

/// The rest of a row under way: each call fills the next column.
pub(super) struct Row<'a>(std::slice::IterMut<'a, Column>);

impl Row<'_> {
    /// A column with one value in each row.
    pub(super) fn one(&mut self, put: impl FnOnce(&mut Values)) {
        if let Some(column) = self.0.next() {
            put(&mut column.streams[0]);
        }
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.one(|out| out.i32(value));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.one(|out| out.u32(value));
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.one(|out| out.i64(value));
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.one(|out| out.u64(value));
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.one(|out| out.f64(value));
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.one(|out| out.boolean(value));
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.one(|out| out.uuid(value));
    }

    pub(super) fn string(&mut self, value: &str) {
        self.one(|out| out.string(value));
    }

    pub(super) fn id(&mut self, value: &Id<'_>) {
        self.one(|out| out.id(value));
    }

    pub(super) fn map<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) {
        if let Some(column) = self.0.next() {
            column.pairs(0, pairs.into_iter());
        }
    }

    pub(super) fn array<T>(&mut self, items: &[T], put: impl Fn(&mut Values, &T)) {
        if let Some(column) = self.0.next() {
            for item in items {
                put(&mut column.streams[1], item);
            }
            column.end(0, items.len());
        }
    }

    pub(super) fn array_of_maps<'i, T, K: AsRef<str>, V: AsRef<str>, P>(
        &mut self,
        items: &'i [T],
        pairs: impl Fn(&'i T) -> P,
    ) where
        P: IntoIterator<Item = (K, V)>,
    {
        if let Some(column) = self.0.next() {
            for item in items {
                column.pairs(1, pairs(item).into_iter());
            }
            column.end(0, items.len());
        }
    }
}

/// Values one after the other.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<u8>);

impl Values {
    pub(super) fn boolean(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Also a `DateTime64(9)`, which is nanoseconds since 1970.
    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Two 64-bit halves, the high one first, each little-endian.
    pub(super) fn uuid(&mut self, value: Uuid) {
        let (high, low) = value.as_u64_pair();
        self.u64(high);
        self.u64(low);
    }

    pub(super) fn string(&mut self, value: &str) {
        self.length(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// An id as hex digits.
    pub(super) fn id(&mut self, id: &Id<'_>) {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        match id {
            Id::Absent => self.string(""),
            Id::Text(text) => self.string(text),
            Id::Bytes(bytes) => {
                self.length(bytes.len() * 2);
                for byte in *bytes {
                    let digits = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
                    self.0.extend_from_slice(&digits);
                }
            }
        }
    }

    /// A LEB128 number: seven bits a byte, the lowest first, the high bit set on all but the last.
    fn length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.0.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        self.0.push(length.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests;
