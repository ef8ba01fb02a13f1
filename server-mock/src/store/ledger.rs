//! Which requests have rows in which tables, so that a request that is sent again is stored once.
//!
//! A group's inserts into several tables are not one transaction. When one of them fails, the request is not acknowledged, and
//! comes again; what it has in the tables before that one must not be inserted a second time. The same holds when all was
//! stored and the answer was lost.

use std::collections::{HashMap, VecDeque};

use crate::extract::RequestId;

/// How many requests are remembered: a sender that comes back later than after so many others is stored again.
const LONGEST: usize = 65_536;

/// The latest requests, each with the tables that have its rows, one bit each.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    tables: HashMap<RequestId, u8>,
    oldest: VecDeque<RequestId>,
}

impl Ledger {
    /// Whether the table with this number has the request's rows.
    pub(super) fn has(&self, request: Option<RequestId>, table: usize) -> bool {
        let tables = request.and_then(|request| self.tables.get(&request));
        tables.is_some_and(|tables| tables & (1 << table) != 0)
    }

    /// Remembers that the table has them.
    pub(super) fn add(&mut self, request: RequestId, table: usize) {
        let tables = self.tables.entry(request).or_insert_with(|| {
            self.oldest.push_back(request);
            0
        });
        *tables |= 1 << table;
        if self.oldest.len() > LONGEST
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.tables.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::RowIds;

    fn request(number: usize) -> RequestId {
        RowIds::named("/v1/logs", &number.to_string(), 0).request()
    }

    #[test]
    fn tables_are_told_apart_and_requests_without_a_name_are_not_known() {
        let mut ledger = Ledger::default();
        ledger.add(request(1), 0);
        ledger.add(request(1), 2);
        let has = |number| [0, 1, 2].map(|table| ledger.has(Some(request(number)), table));
        assert_eq!(has(1), [true, false, true]);
        assert_eq!(has(2), [false; 3]);
        assert!(!ledger.has(None, 0));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut ledger = Ledger::default();
        for number in 0..=LONGEST {
            ledger.add(request(number), 0);
        }
        assert!(!ledger.has(Some(request(0)), 0));
        assert!(ledger.has(Some(request(1)), 0) && ledger.has(Some(request(LONGEST)), 0));
        assert_eq!(
            (ledger.tables.len(), ledger.oldest.len()),
            (LONGEST, LONGEST)
        );
    }
}
