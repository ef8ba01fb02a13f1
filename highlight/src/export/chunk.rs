//! Finished records of one signal, in memory that is accounted for before it is taken.

use opentelemetry::InstrumentationScope;

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
    /// Bytes of the request made of it, nearly: the measure for sealing. Never less than the request has.
    pub(crate) size: usize,
}

/// The records of one scope, each with its field header, in blocks that never move.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) scope: InstrumentationScope,
    pub(crate) blocks: Vec<Vec<u8>>,
    pub(crate) size: usize,
}

impl Chunk {
    /// Bytes that a record adds to the request, at most.
    pub(crate) fn cost(scope: &InstrumentationScope, record: usize) -> usize {
        scope_cost(scope) + proto::len_field_size(RECORDS, record)
    }

    /// The same for a scope that is there already.
    pub(crate) fn own_cost(record: usize) -> usize {
        proto::len_field_size(RECORDS, record)
    }

    /// Appends one message, which stands for `records` records, where there is room already. False, and nothing is changed, otherwise.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        scope: &InstrumentationScope,
        record: &[u8],
        records: u64,
    ) -> bool {
        let needed = Chunk::own_cost(record.len());
        let mut groups = self.groups.iter_mut();
        let Some(group) = groups.find(|group| is_same(&group.scope, scope)) else {
            return false;
        };
        if group.room() < needed {
            return false;
        }
        group.append(record, needed);
        self.size += needed;
        self.records += records;
        true
    }

    /// Appends one message, which stands for `records` records. False, and nothing is changed, when `reserve` denies the memory that
    /// it takes: it is given the capacity of a block, and how many bytes that takes with all that belongs to it.
    pub(crate) fn append(
        &mut self,
        scope: &InstrumentationScope,
        record: &[u8],
        records: u64,
        mut reserve: impl FnMut(usize, usize) -> Option<Vec<u8>>,
    ) -> bool {
        if self.fill(scope, record, records) {
            return true;
        }
        let needed = Chunk::own_cost(record.len());
        let mut groups = self.groups.iter();
        let known = groups.position(|group| is_same(&group.scope, scope));
        // Close to the budget's end there may be room for the record, though not for company.
        let filled = known.map_or(0, |at| self.groups[at].size);
        let wanted = filled.clamp(SMALLEST_BLOCK, LARGEST_BLOCK).max(needed);
        let for_scope = known.map_or_else(|| scope_cost(scope), |_| 0);
        let all = |capacity: usize| capacity + BLOCK_OVERHEAD + for_scope;
        let block = reserve(wanted, all(wanted)).or_else(|| reserve(needed, all(needed)));
        let Some(block) = block else {
            return false;
        };
        self.held += all(block.capacity());
        self.size += for_scope;
        let at = known.unwrap_or_else(|| {
            self.groups.push(Group {
                scope: scope.clone(),
                blocks: Vec::new(),
                size: 0,
            });
            self.groups.len() - 1
        });
        self.groups[at].blocks.push(block);
        self.fill(scope, record, records)
    }
}

impl Group {
    /// Puts a record into the last block, which has room for the `needed` bytes.
    fn append(&mut self, record: &[u8], needed: usize) {
        if let Some(open) = self.blocks.last_mut() {
            proto::bytes_field(open, RECORDS, record);
        }
        self.size += needed;
    }

    fn room(&self) -> usize {
        self.blocks
            .last()
            .map_or(0, |block| block.capacity() - block.len())
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
            assert!(chunk.append(&scope(name), b"x", 1, |capacity, _| Some(
                Vec::with_capacity(capacity)
            )));
        }
        assert_eq!(chunk.groups.len(), 2);
        assert_eq!(chunk.records, 5);
        assert_eq!(chunk.groups[0].blocks.concat(), [0x12, 1, b'x'].repeat(3));
    }

    #[test]
    fn what_is_held_is_what_is_allocated() {
        let mut chunk = Chunk::default();
        let mut reserved = 0;
        for size in [1, 90, 5_000, 70_000, 3, 100_000, 2_000, 50].repeat(20) {
            assert!(
                chunk.append(&scope("a"), &vec![7; size], 1, |capacity, bytes| {
                    reserved += bytes;
                    Some(Vec::with_capacity(capacity))
                })
            );
            let blocks = &chunk.groups[0].blocks;
            let allocated: usize = blocks.iter().map(Vec::capacity).sum();
            assert_eq!(chunk.held, reserved);
            assert!(allocated <= chunk.held && chunk.held <= allocated + 64 * blocks.len() + 300);
        }
    }

    #[test]
    fn near_the_end_of_the_budget_a_record_gets_what_it_needs_and_then_nothing() {
        let mut chunk = Chunk::default();
        let mut room = 600;
        let mut append = |chunk: &mut Chunk| {
            chunk.append(&scope("a"), &[0; 90], 1, |capacity, bytes| {
                let fits = bytes <= room;
                room -= if fits { bytes } else { 0 };
                fits.then(|| Vec::with_capacity(capacity))
            })
        };
        assert!(append(&mut chunk));
        assert!(append(&mut chunk));
        assert!(!append(&mut chunk));
        assert_eq!(chunk.records, 2);
    }
}
