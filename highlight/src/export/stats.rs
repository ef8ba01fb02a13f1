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
    /// Data points of metrics: a counter's sum, a histogram's buckets, each for one set of tags and one interval.
    Metrics,
}

impl Signal {
    pub(crate) const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];
    pub(crate) const COUNT: usize = Signal::ALL.len();

    pub(crate) const fn index(self) -> usize {
        match self {
            Signal::Traces => 0,
            Signal::Logs => 1,
            Signal::Metrics => 2,
        }
    }

    /// The path below the endpoint, as in the OTLP/HTTP specification.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Logs => "/v1/logs",
            Signal::Metrics => "/v1/metrics",
        }
    }

    /// The last segment of [`path`](Self::path): the signal's name in a spool file's name.
    pub(crate) fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn named(name: &str) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

/// Why a record was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The byte budget was used up: the newest record is the one dropped.
    BufferFull,
    /// A single record was larger than a request may be, or than the endpoint takes (413).
    TooLarge,
    /// The endpoint refused it for good: a status that is not retried, or `partial_success`.
    Rejected,
    /// A hook of the application kept it back, or panicked.
    Hook,
    /// It was recorded after shutdown, or shutdown's time ran out before it was delivered.
    Shutdown,
    /// The spool directory was full: the oldest file is the one removed.
    SpoolFull,
    /// Its spool file was damaged, and was set aside.
    SpoolDamaged,
    /// A measurement that no metric can hold: its name or unit is outside OpenTelemetry's conventions, its value is not a
    /// finite number, or it has more than 128 tags.
    Invalid,
    /// A measurement of one metric more than the 1,000 that are kept.
    TooManyMetrics,
}

impl DropReason {
    pub(crate) const ALL: [DropReason; 9] = [
        DropReason::BufferFull,
        DropReason::TooLarge,
        DropReason::Rejected,
        DropReason::Shutdown,
        DropReason::Hook,
        DropReason::SpoolFull,
        DropReason::SpoolDamaged,
        DropReason::Invalid,
        DropReason::TooManyMetrics,
    ];
    const COUNT: usize = DropReason::ALL.len();

    /// As an attribute's value.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            DropReason::BufferFull => "buffer_full",
            DropReason::TooLarge => "too_large",
            DropReason::Rejected => "rejected",
            DropReason::Hook => "hook",
            DropReason::Shutdown => "shutdown",
            DropReason::SpoolFull => "spool_full",
            DropReason::SpoolDamaged => "spool_damaged",
            DropReason::Invalid => "invalid",
            DropReason::TooManyMetrics => "too_many_metrics",
        }
    }

    const fn index(self) -> usize {
        match self {
            DropReason::BufferFull => 0,
            DropReason::TooLarge => 1,
            DropReason::Rejected => 2,
            DropReason::Shutdown => 3,
            DropReason::Hook => 4,
            DropReason::SpoolFull => 5,
            DropReason::SpoolDamaged => 6,
            DropReason::Invalid => 7,
            DropReason::TooManyMetrics => 8,
        }
    }
}

/// A snapshot of what happened to every record since `init`. All counts are records; of metrics, which are aggregated, they are data
/// points, and single measurements where these are dropped before.
///
/// Every record is in exactly one place: [`sent`](Stats::sent), [`dropped`](Stats::dropped), [`queued`](Stats::queued) in
/// memory, or [`spooled`](Stats::spooled) on disk. Records that an earlier process left in the spool directory count from the
/// moment this one takes them over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    sent: [u64; Signal::COUNT],
    dropped: [[u64; DropReason::COUNT]; Signal::COUNT],
    queued: [u64; Signal::COUNT],
    spooled: [u64; Signal::COUNT],
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

    /// Records on disk in the spool directory, which this process or the next one sends.
    #[must_use]
    pub fn spooled(&self, signal: Signal) -> u64 {
        self.spooled[signal.index()]
    }

    /// Records on disk over all signals.
    #[must_use]
    pub fn spooled_total(&self) -> u64 {
        self.spooled.iter().sum()
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
    accepted: [AtomicU64; Signal::COUNT],
    sent: [AtomicU64; Signal::COUNT],
    /// Dropped before they were accepted into the buffer.
    refused: [[AtomicU64; DropReason::COUNT]; Signal::COUNT],
    /// Accepted, then lost.
    lost: [[AtomicU64; DropReason::COUNT]; Signal::COUNT],
    /// On disk; changed by the worker alone.
    spooled: [AtomicU64; Signal::COUNT],
}

impl Counters {
    pub(crate) fn accepted(&self, signal: Signal, records: u64) {
        self.accepted[signal.index()].fetch_add(records, Relaxed);
    }

    /// Counts records that an earlier process accepted.
    pub(crate) fn inherited(&self, signal: Signal, records: u64) {
        self.accepted[signal.index()].fetch_add(records, Relaxed);
        self.spooled(signal, records);
    }

    pub(crate) fn spooled(&self, signal: Signal, records: u64) {
        self.spooled[signal.index()].fetch_add(records, Relaxed);
    }

    pub(crate) fn unspooled(&self, signal: Signal, records: u64) {
        self.spooled[signal.index()].fetch_sub(records, Relaxed);
    }

    pub(crate) fn sent(&self, signal: Signal, records: u64) {
        self.sent[signal.index()].fetch_add(records, Relaxed);
    }

    /// Counts records that never entered the buffer; true when they are the first ever.
    pub(crate) fn refused(&self, signal: Signal, reason: DropReason, records: u64) -> bool {
        self.refused[signal.index()][reason.index()].fetch_add(records, Relaxed) == 0
    }

    /// Counts records that had been accepted; true when they are the first.
    pub(crate) fn lost(&self, signal: Signal, reason: DropReason, records: u64) -> bool {
        self.lost[signal.index()][reason.index()].fetch_add(records, Relaxed) == 0
    }

    /// Records accepted and then lost, over all signals and reasons.
    pub(crate) fn lost_total(&self) -> u64 {
        self.lost
            .iter()
            .flatten()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    /// `noted` tells how many records of a signal were accepted beside those that are counted here.
    pub(crate) fn snapshot(&self, noted: impl Fn(Signal) -> u64, queued_bytes: usize) -> Stats {
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
            stats.spooled[at] = self.spooled[at].load(Relaxed);
            settled += stats.spooled[at];
            let accepted = self.accepted[at].load(Relaxed) + noted(signal);
            stats.queued[at] = accepted.saturating_sub(settled);
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_found_by_its_name() {
        for signal in Signal::ALL {
            assert_eq!(Signal::named(signal.name()), Some(signal));
        }
        assert_eq!(Signal::named("profiles"), None);
    }

    #[test]
    fn every_record_is_in_one_place() {
        let counters = Counters::default();
        for _ in 0..8 {
            counters.accepted(Signal::Logs, 1);
        }
        counters.sent(Signal::Logs, 6);
        counters.lost(Signal::Logs, DropReason::Rejected, 1);
        counters.inherited(Signal::Logs, 5);
        counters.spooled(Signal::Logs, 1);
        assert!(counters.refused(Signal::Logs, DropReason::BufferFull, 1));
        assert!(!counters.refused(Signal::Logs, DropReason::BufferFull, 1));
        let stats = counters.snapshot(|signal| if signal == Signal::Logs { 2 } else { 0 }, 42);
        assert_eq!(stats.sent(Signal::Logs), 6);
        assert_eq!(stats.queued(Signal::Logs), 2);
        assert_eq!(stats.spooled(Signal::Logs), 6);
        assert_eq!(stats.dropped(Signal::Logs, DropReason::BufferFull), 2);
        assert_eq!(stats.dropped_total(), 3);
        assert_eq!(stats.queued_bytes(), 42);
        assert_eq!(
            stats.summary(),
            "6 records sent, 3 dropped (2 Logs BufferFull, 1 Logs Rejected)"
        );
    }
}
