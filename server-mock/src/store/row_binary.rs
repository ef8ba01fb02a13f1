//! The values of `ClickHouse`'s `RowBinary` format (see <https://clickhouse.com/docs/interfaces/formats/RowBinary>).

use uuid::Uuid;

use crate::extract::Id;

/// Encoded rows, appended value by value.
#[derive(Debug, Default, Clone)]
pub(super) struct RowBinary(Vec<u8>);

impl RowBinary {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    /// Also a `DateTime64(9)`, which is nanoseconds since 1970.
    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    /// Two 64-bit halves, the high one first, each little-endian.
    pub(super) fn uuid(&mut self, value: Uuid) {
        let (high, low) = value.as_u64_pair();
        self.0.extend(high.to_le_bytes());
        self.0.extend(low.to_le_bytes());
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
                let digits = bytes.iter().flat_map(|byte| {
                    [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)])
                });
                self.0.extend(digits);
            }
        }
    }

    pub(super) fn map<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (K, V), IntoIter: ExactSizeIterator>,
    ) {
        let pairs = pairs.into_iter();
        self.pairs(pairs.len(), pairs);
    }

    /// As many pairs as there are said to be.
    pub(super) fn pairs<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        count: usize,
        pairs: impl Iterator<Item = (K, V)>,
    ) {
        self.length(count);
        for (key, value) in pairs {
            self.string(key.as_ref());
            self.string(value.as_ref());
        }
    }

    /// An array; a map is one of pairs.
    pub(super) fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.length(items.len());
        for item in items {
            put(self, item);
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
mod tests {
    use super::*;

    #[test]
    fn values_have_the_documented_bytes() {
        let mut out = RowBinary::default();
        out.boolean(true);
        out.u32(2);
        out.i32(-1);
        out.i64(3);
        out.u64(4);
        out.f64(1.0);
        out.uuid(Uuid::from_u64_pair(1, 2));
        out.string("é");
        out.map([("k", "v")]);
        out.id(&Id::Bytes(&[0x0f, 0xa0]));
        out.id(&Id::Absent);
        let expected: Vec<u8> = [
            &[1][..],
            &[2, 0, 0, 0],
            &[255; 4],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[4, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
            &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
            &[2, 0xc3, 0xa9],
            &[1, 1, b'k', 1, b'v'],
            b"\x040fa0",
            &[0],
        ]
        .concat();
        assert_eq!(out.into_bytes(), expected);
    }

    #[test]
    fn long_lengths_take_more_bytes() {
        let mut out = RowBinary::default();
        out.string(&"a".repeat(300));
        assert_eq!(out.into_bytes()[..3], [0xac, 0x02, b'a']);
    }
}
