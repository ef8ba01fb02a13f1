//! Which UUIDs the rows of a request have.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// Counts the rows of one request.
///
/// When the request has a name that it keeps over retries, its rows have the same ids every time: a row that was stored before is
/// recognised, and a row of `errors` that comes later still names its row of `logs`.
#[derive(Debug)]
pub(crate) struct RowIds {
    first: [u8; 16],
    next: u32,
}

impl RowIds {
    /// For a request that cannot be told from others.
    pub(crate) fn random() -> Self {
        Self {
            first: Uuid::new_v4().into_bytes(),
            next: 0,
        }
    }

    /// For the request to `path`, with a body of so many bytes, that header `x-highlight-batch` calls `name`.
    pub(crate) fn named(path: &str, name: &str, length: usize) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(path);
        hasher.update([0]);
        hasher.update(name);
        hasher.update([0]);
        // A sender that gives another request the same name by mistake should not lose it.
        hasher.update(length.to_le_bytes());
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize()[..16]);
        Self { first, next: 0 }
    }

    /// What the ids of all the rows begin with: the request, as far as rows tell.
    pub(crate) fn request(&self) -> RequestId {
        let [request @ .., _, _, _, _] = self.first;
        RequestId(request)
    }

    /// The next row's id.
    pub(crate) fn next(&mut self) -> Uuid {
        let mut bytes = self.first;
        bytes[12..].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.wrapping_add(1);
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// A request that has a name, wherever it comes up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId([u8; 12]);

#[cfg(test)]
mod tests {
    use super::RowIds;

    fn ids(mut rows: RowIds) -> [uuid::Uuid; 2] {
        [rows.next(), rows.next()]
    }

    #[test]
    fn a_named_request_has_the_same_ids_again_and_no_other_has_them() {
        let named = |path, name, length| ids(RowIds::named(path, name, length));
        let [first, second] = named("/v1/logs", "a", 1);
        assert_ne!(first, second);
        assert_eq!(named("/v1/logs", "a", 1), [first, second]);
        for other in [
            named("/v1/logs", "b", 1),
            named("/v1/traces", "a", 1),
            named("/v1/logs", "a", 2),
            ids(RowIds::random()),
            ids(RowIds::random()),
        ] {
            assert!(!other.contains(&first) && !other.contains(&second));
        }
        assert_eq!(first.get_version_num(), 8);
    }
}
