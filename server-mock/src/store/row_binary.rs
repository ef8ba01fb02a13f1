//! The values of `ClickHouse`'s `RowBinary` format (see <https://clickhouse.com/docs/interfaces/formats/RowBinary>).

use uuid::Uuid;

/// Encoded rows, appended value by value.
#[derive(Debug, Default)]
pub(super) struct RowBinary(Vec<u8>);

impl RowBinary {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
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
        self.0.extend(value.as_bytes());
    }

    pub(super) fn map<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        self.list(&pairs, |out, (key, value)| {
            out.string(key);
            out.string(value);
        });
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
        out.map([(&"k".to_owned(), &"v".to_owned())]);
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
