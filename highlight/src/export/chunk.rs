//! Finished records of one signal, in memory that is accounted for before it is taken.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;

use super::gzip::Tail;
use super::proto;

/// Field number of `log_records` in `ScopeLogs`, of `spans` in `ScopeSpans` and of `metrics` in `ScopeMetrics`.
const RECORDS: u32 = 2;

/// The first block of a scope, and the largest that is made for small records.
const SMALLEST_BLOCK: usize = 4 * 1024;
pub(crate) const LARGEST_BLOCK: usize = 64 * 1024;
/// Memory of a block beyond its bytes: its handle, twice for a list that has doubled, and the allocator's header.
const BLOCK_OVERHEAD: usize = 64;
/// Memory, and bytes on the wire, of a scope beyond its texts.
const SCOPE_OVERHEAD: usize = 256;

/// Finished records of one signal, grouped by instrumentation scope.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) groups: Vec<Group>,
    pub(crate) records: u64,
    /// Bytes of the budget that this chunk holds: what it has allocated.
    pub(crate) held: usize,
    /// Bytes of the request made of it, nearly, and never less than the request has.
    pub(crate) size: usize,
    /// The same without the tails: what there is to compress.
    pub(crate) weight: usize,
}

/// The records of one scope, each with its field header, in blocks that never move.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) scope: InstrumentationScope,
    pub(crate) blocks: Vec<Piece>,
    pub(crate) size: usize,
}

/// Bytes of a request, and the tails that belong in between.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// Each behind so many of the bytes.
    pub(crate) tails: Vec<(usize, Arc<Tail>)>,
}

/// A finished message. What many of a kind end with may be apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) tail: Option<&'a Arc<Tail>>,
}

impl Chunk {
    /// Bytes that a record adds to the request, at most.
    pub(crate) fn cost(scope: &InstrumentationScope, record: Record<'_>) -> usize {
        scope_cost(scope) + record.cost()
    }

    /// Appends one message, which stands for `records` records, where there is room already. False, and nothing is changed, otherwise.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        scope: &InstrumentationScope,
        record: Record<'_>,
        records: u64,
    ) -> bool {
        let mut groups = self.groups.iter_mut();
        let Some(group) = groups.find(|group| is_same(&group.scope, scope)) else {
            return false;
        };
        let Some(open) = group.blocks.last_mut().filter(|open| open.takes(record)) else {
            return false;
        };
        open.append(record);
        let cost = record.cost();
        group.size += cost;
        self.size += cost;
        self.weight += record.memory();
        self.records += records;
        true
    }

    /// Appends one message, which stands for `records` records. False, and nothing is changed, when `reserve` denies the memory that
    /// it takes: it is given the capacity of a block, and how many bytes that takes with all that belongs to it.
    pub(crate) fn append(
        &mut self,
        scope: &InstrumentationScope,
        record: Record<'_>,
        records: u64,
        mut reserve: impl FnMut(usize, usize) -> Option<Vec<u8>>,
    ) -> bool {
        if self.fill(scope, record, records) {
            return true;
        }
        let needed = record.memory();
        let mut groups = self.groups.iter();
        let known = groups.position(|group| is_same(&group.scope, scope));
        // Close to the budget's end there may be room for the record, though not for company.
        let filled = known.map_or(0, |at| self.groups[at].size);
        let wanted = filled.clamp(SMALLEST_BLOCK, LARGEST_BLOCK).max(needed);
        let for_scope = known.map_or_else(|| scope_cost(scope), |_| 0);
        let tails = |capacity: usize| record.tail.map_or(0, |_| capacity / needed);
        let all = |capacity: usize| {
            capacity
                + tails(capacity) * size_of::<(usize, Arc<Tail>)>()
                + BLOCK_OVERHEAD
                + for_scope
        };
        let block = reserve(wanted, all(wanted)).or_else(|| reserve(needed, all(needed)));
        let Some(block) = block else {
            return false;
        };
        self.held += all(block.capacity());
        self.size += for_scope;
        self.weight += for_scope;
        let at = known.unwrap_or_else(|| {
            self.groups.push(Group {
                scope: scope.clone(),
                blocks: Vec::new(),
                size: 0,
            });
            self.groups.len() - 1
        });
        self.groups[at].blocks.push(Piece {
            tails: Vec::with_capacity(tails(block.capacity())),
            bytes: block,
        });
        self.fill(scope, record, records)
    }
}

impl Piece {
    #[inline]
    fn takes(&self, record: Record<'_>) -> bool {
        let has_place = record.tail.is_none() || self.tails.len() < self.tails.capacity();
        self.bytes.capacity() - self.bytes.len() >= record.memory() && has_place
    }

    #[inline]
    fn append(&mut self, record: Record<'_>) {
        proto::len_header(&mut self.bytes, RECORDS, record.len());
        self.bytes.extend_from_slice(record.bytes);
        if let Some(tail) = record.tail {
            self.tails.push((self.bytes.len(), Arc::clone(tail)));
        }
    }

    /// All of it, as others read it.
    pub(crate) fn whole(&self) -> Cow<'_, [u8]> {
        if self.tails.is_empty() {
            return Cow::Borrowed(&self.bytes);
        }
        let mut whole = Vec::new();
        let mut from = 0;
        for (at, tail) in &self.tails {
            whole.extend_from_slice(&self.bytes[from..*at]);
            whole.extend_from_slice(tail.bytes());
            from = *at;
        }
        whole.extend_from_slice(&self.bytes[from..]);
        Cow::Owned(whole)
    }
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        let tails = Vec::new();
        Piece { bytes, tails }
    }
}

impl Record<'_> {
    #[inline]
    fn len(self) -> usize {
        self.bytes.len() + self.tail.map_or(0, |tail| tail.bytes().len())
    }

    /// Bytes that it adds to a request, its scope being there already.
    #[inline]
    pub(crate) fn cost(self) -> usize {
        proto::len_field_size(RECORDS, self.len())
    }

    /// Bytes of a block that it takes.
    #[inline]
    fn memory(self) -> usize {
        self.cost() - self.len() + self.bytes.len()
    }
}

impl<'a> From<&'a [u8]> for Record<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Record { bytes, tail: None }
    }
}

/// Clones of one scope share its texts, so mostly there is nothing to compare.
#[inline]
fn is_same(one: &InstrumentationScope, other: &InstrumentationScope) -> bool {
    let plain = |scope: &InstrumentationScope| {
        scope.attributes().next().is_none() && scope.schema_url().is_none()
    };
    let same_texts = std::ptr::eq(one.name(), other.name())
        && match (one.version(), other.version()) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
    (same_texts && plain(one) && plain(other)) || one == other
}

#[inline]
fn scope_cost(scope: &InstrumentationScope) -> usize {
    let attributes: usize = scope
        .attributes()
        .map(|pair| pair.key.as_str().len() + pair.value.as_str().len() + SCOPE_OVERHEAD)
        .sum();
    let texts = scope.name().len()
        + scope.version().map_or(0, str::len)
        + scope.schema_url().map_or(0, str::len);
    SCOPE_OVERHEAD + texts + attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &'static str) -> InstrumentationScope {
        InstrumentationScope::builder(name).build()
    }

    #[test]
    fn records_group_by_scope() {
        let mut chunk = Chunk::default();
        for name in ["a", "b", "a", "b", "a"] {
            assert!(
                chunk.append(&scope(name), b"x"[..].into(), 1, |capacity, _| Some(
                    Vec::with_capacity(capacity)
                ))
            );
        }
        assert_eq!(chunk.groups.len(), 2);
        assert_eq!(chunk.records, 5);
        assert_eq!(chunk.groups[0].blocks[0].bytes, [0x12, 1, b'x'].repeat(3));
    }

    #[test]
    fn what_is_held_is_what_is_allocated() {
        let mut chunk = Chunk::default();
        let mut reserved = 0;
        for size in [1, 90, 5_000, 70_000, 3, 100_000, 2_000, 50].repeat(20) {
            assert!(chunk.append(
                &scope("a"),
                vec![7; size].as_slice().into(),
                1,
                |capacity, bytes| {
                    reserved += bytes;
                    Some(Vec::with_capacity(capacity))
                }
            ));
            let blocks = &chunk.groups[0].blocks;
            let allocated: usize = blocks.iter().map(|block| block.bytes.capacity()).sum();
            assert_eq!(chunk.held, reserved);
            assert!(allocated <= chunk.held && chunk.held <= allocated + 64 * blocks.len() + 300);
        }
    }

    #[test]
    fn a_tail_is_in_memory_once_and_in_each_record_that_ends_with_it() {
        let mut chunk = Chunk::default();
        let tails = [b"first".repeat(100), b"second".repeat(200)];
        let tails = tails.map(|bytes| Arc::new(Tail::new(&bytes)));
        let mut expected = Vec::new();
        let mut reserved = 0;
        for at in 0..5_000_usize {
            let bytes = vec![7; at % 100];
            let tail = tails.get(at % 3);
            let record = Record {
                bytes: &bytes,
                tail,
            };
            let whole = [&bytes[..], tail.map_or(&[][..], |tail| tail.bytes())].concat();
            proto::bytes_field(&mut expected, RECORDS, &whole);
            assert!(chunk.append(&scope("a"), record, 1, |capacity, bytes| {
                reserved += bytes;
                Some(Vec::with_capacity(capacity))
            }));
        }
        let blocks = &chunk.groups[0].blocks;
        let whole: Vec<_> = blocks
            .iter()
            .flat_map(|block| block.whole().into_owned())
            .collect();
        assert!(whole == expected);
        let memory = |block: &Piece| {
            block.bytes.capacity() + block.tails.capacity() * size_of::<(usize, Arc<Tail>)>()
        };
        let allocated: usize = blocks.iter().map(memory).sum();
        assert_eq!(chunk.held, reserved);
        assert!(
            allocated <= chunk.held && chunk.held < 500_000,
            "{}",
            chunk.held
        );
        assert!(chunk.size >= expected.len() && chunk.weight < chunk.size / 5);
    }

    #[test]
    fn near_the_end_of_the_budget_a_record_gets_what_it_needs_and_then_nothing() {
        let mut chunk = Chunk::default();
        let mut room = 600;
        let mut append = |chunk: &mut Chunk| {
            chunk.append(
                &scope("a"),
                [0; 90].as_slice().into(),
                1,
                |capacity, bytes| {
                    let fits = bytes <= room;
                    room -= if fits { bytes } else { 0 };
                    fits.then(|| Vec::with_capacity(capacity))
                },
            )
        };
        assert!(append(&mut chunk));
        assert!(append(&mut chunk));
        assert!(!append(&mut chunk));
        assert_eq!(chunk.records, 2);
    }
}
