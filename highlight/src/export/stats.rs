//! What went in, what arrived and what was lost: the counts behind [`Stats`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The kinds of telemetry, each with an OTLP endpoint of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Spans, and the errors that travel as `exception` events on them.
    Traces,
    /// Log records, and the errors that travel on them.
    Logs,
}

impl Signal {
    pub(crate) const ALL: [Signal; 2] = [Signal::Traces, Signal::Logs];

    pub(crate) const fn index(self) -> usize {
        match self {
            Signal::Traces => 0,
            Signal::Logs => 1,
        }
    }

    /// The path below the endpoint, as in the OTLP/HTTP specification.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Logs => "/v1/logs",
        }
    }
}

/// Why a record was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The byte budget was used up: the newest record is the one dropped.
    BufferFull,
    /// A single record was larger than a request may be.
    TooLarge,
    /// The endpoint refused it for good: a status that is not retried, or `partial_success`.
    Rejected,
    /// A hook of the application kept it back, or panicked.
    Hook,
    /// It was recorded after shutdown, or shutdown's time ran out before it was delivered.
    Shutdown,
}

impl DropReason {
    const ALL: [DropReason; 5] = [
        DropReason::BufferFull,
        DropReason::TooLarge,
        DropReason::Rejected,
        DropReason::Shutdown,
        DropReason::Hook,
    ];

    const fn index(self) -> usize {
        match self {
            DropReason::BufferFull => 0,
            DropReason::TooLarge => 1,
            DropReason::Rejected => 2,
            DropReason::Shutdown => 3,
            DropReason::Hook => 4,
        }
    }
}

/// A snapshot of what happened to every record since `init`. All counts are records.
///
/// Every record is in exactly one place: [`sent`](Stats::sent), [`dropped`](Stats::dropped) or [`queued`](Stats::queued).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    sent: [u64; 2],
    dropped: [[u64; 5]; 2],
    queued: [u64; 2],
    queued_bytes: u64,
}

impl Stats {
    /// Records that the endpoint acknowledged.
    #[must_use]
    pub fn sent(&self, signal: Signal) -> u64 {
        self.sent[signal.index()]
    }

    /// Records lost, for the one reason.
    #[must_use]
    pub fn dropped(&self, signal: Signal, reason: DropReason) -> u64 {
        self.dropped[signal.index()][reason.index()]
    }

    /// Records lost over all signals and reasons.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().flatten().sum()
    }

    /// Records waiting to be sent or on their way.
    #[must_use]
    pub fn queued(&self, signal: Signal) -> u64 {
        self.queued[signal.index()]
    }

    /// Bytes of the byte budget in use.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    /// One line for people, such as `12 sent, 3 dropped (3 logs: buffer full)`.
    pub(crate) fn summary(&self) -> String {
        let mut losses = Vec::new();
        for signal in Signal::ALL {
            for reason in DropReason::ALL {
                let count = self.dropped(signal, reason);
                if count > 0 {
                    losses.push(format!("{count} {signal:?} {reason:?}"));
                }
            }
        }
        let sent: u64 = self.sent.iter().sum();
        format!(
            "{sent} records sent, {} dropped ({})",
            self.dropped_total(),
            losses.join(", ")
        )
    }
}

/// The live counters. `accepted` and the outcomes are counted; what is queued follows from them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: [AtomicU64; 2],
    sent: [AtomicU64; 2],
    /// Dropped before they were accepted into the buffer.
    refused: [[AtomicU64; 5]; 2],
    /// Accepted, then lost.
    lost: [[AtomicU64; 5]; 2],
}

impl Counters {
    pub(crate) fn accepted(&self, signal: Signal) {
        self.accepted[signal.index()].fetch_add(1, Relaxed);
    }

    pub(crate) fn sent(&self, signal: Signal, records: u64) {
        self.sent[signal.index()].fetch_add(records, Relaxed);
    }

    /// Counts a record that never entered the buffer; true when it is the first ever.
    pub(crate) fn refused(&self, signal: Signal, reason: DropReason) -> bool {
        self.refused[signal.index()][reason.index()].fetch_add(1, Relaxed) == 0
    }

    pub(crate) fn lost(&self, signal: Signal, reason: DropReason, records: u64) {
        self.lost[signal.index()][reason.index()].fetch_add(records, Relaxed);
    }

    /// Records accepted and then lost, over all signals and reasons.
    pub(crate) fn lost_total(&self) -> u64 {
        self.lost
            .iter()
            .flatten()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    pub(crate) fn snapshot(&self, queued_bytes: usize) -> Stats {
        let mut stats = Stats {
            queued_bytes: queued_bytes as u64,
            ..Stats::default()
        };
        for signal in Signal::ALL {
            let at = signal.index();
            stats.sent[at] = self.sent[at].load(Relaxed);
            let mut settled = stats.sent[at];
            for reason in DropReason::ALL {
                let why = reason.index();
                let lost = self.lost[at][why].load(Relaxed);
                settled += lost;
                stats.dropped[at][why] = lost + self.refused[at][why].load(Relaxed);
            }
            stats.queued[at] = self.accepted[at].load(Relaxed).saturating_sub(settled);
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_one_place() {
        let counters = Counters::default();
        for _ in 0..10 {
            counters.accepted(Signal::Logs);
        }
        counters.sent(Signal::Logs, 6);
        counters.lost(Signal::Logs, DropReason::Rejected, 1);
        assert!(counters.refused(Signal::Logs, DropReason::BufferFull));
        assert!(!counters.refused(Signal::Logs, DropReason::BufferFull));
        let stats = counters.snapshot(42);
        assert_eq!(stats.sent(Signal::Logs), 6);
        assert_eq!(stats.queued(Signal::Logs), 3);
        assert_eq!(stats.dropped(Signal::Logs, DropReason::BufferFull), 2);
        assert_eq!(stats.dropped_total(), 3);
        assert_eq!(stats.queued_bytes(), 42);
        assert_eq!(
            stats.summary(),
            "6 records sent, 3 dropped (2 Logs BufferFull, 1 Logs Rejected)"
        );
    }
}
