//! When metrics are collected: an interval after the first measurement, or when somebody waits for them.
//!
//! The first measurement after a while wakes the worker. A collection that finds something is followed by another one an interval later,
//! so that a service that measures all the time never wakes it. Only when that one finds nothing is there none any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collector::Collector;

/// The worker's calendar of collections.
#[derive(Debug)]
pub(crate) struct Calendar {
    collector: Arc<Collector>,
    interval: Duration,
    due: Option<Instant>,
}

impl Calendar {
    pub(crate) fn new(collector: Arc<Collector>, interval: Duration) -> Self {
        Calendar {
            collector,
            interval,
            due: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.collector.is_running()
    }

    /// Starts the collection that is due, if one is.
    pub(crate) fn keep(&mut self) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.strike_out();
            // One that hangs in the application's callback is not joined by another.
            if !self.is_running() && !self.collector.is_closed() {
                self.collector.start(true);
            }
        }
        if self.due.is_none() && self.collector.is_due() {
            // An interval beyond the clock's range is for ever.
            self.due = now.checked_add(self.interval);
            if self.due.is_some() {
                self.collector.look_out();
            }
        }
    }

    /// Nothing is due, or not any more then.
    fn strike_out(&mut self) {
        self.due = None;
        self.collector.look_no_more();
    }

    /// Starts a collection ahead of time, if there is something to collect; true when it runs.
    pub(crate) fn advance(&mut self) -> bool {
        let is_due = self.collector.is_due();
        if is_due {
            self.strike_out();
            self.collector.start(false);
        }
        is_due
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use opentelemetry::InstrumentationScope;

    use super::super::buffer::{Bounds, Buffer};
    use super::*;

    /// Waits for the collection that runs.
    fn settle(calendar: &Calendar) {
        while calendar.is_running() {
            std::thread::yield_now();
        }
    }

    fn begun() -> (Arc<Buffer>, Arc<Collector>, Calendar) {
        let buffer = Arc::new(Buffer::new(Bounds {
            budget: 1 << 20,
            request: 1 << 20,
        }));
        let scope = InstrumentationScope::builder("highlight").build();
        let collector = Arc::new(Collector::new(Arc::clone(&buffer), scope, None));
        let calendar = Calendar::new(Arc::clone(&collector), Duration::ZERO);
        (buffer, collector, calendar)
    }

    /// Whether the worker was woken since the last time.
    fn was_woken(buffer: &Buffer) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let notified = pin!(buffer.wake.notified());
        notified.poll(&mut context).is_ready()
    }

    #[test]
    fn what_a_collection_may_not_have_seen_is_looked_for_an_interval_later() {
        let (_, collector, mut calendar) = begun();
        assert!(!calendar.advance(), "nothing was measured");
        collector.mark();
        for _ in 0..3 {
            assert!(calendar.advance(), "asked for ahead of time, at any time");
            settle(&calendar);
        }
        calendar.keep();
        assert!(calendar.deadline().is_some());
        // It comes in its turn, and finds nothing new.
        calendar.keep();
        settle(&calendar);
        assert!(!calendar.advance());
        calendar.keep();
        assert_eq!(calendar.deadline(), None);
    }

    #[test]
    fn who_measures_all_the_time_never_wakes_the_worker_which_looks_once_in_vain_and_rests() {
        let (buffer, collector, mut calendar) = begun();
        for _ in 0..2 {
            collector.mark();
            assert!(was_woken(&buffer), "it does not look by itself");
            calendar.keep();
            for _ in 0..5 {
                assert!(calendar.deadline().is_some());
                calendar.keep();
                collector.mark();
            }
            assert!(calendar.advance(), "asked for ahead of time");
            calendar.keep();
            collector.mark();
            calendar.keep();
            assert!(!was_woken(&buffer));
            assert!(calendar.deadline().is_some(), "it looks once more");
            calendar.keep();
            assert_eq!(calendar.deadline(), None);
        }
    }

    #[test]
    fn an_interval_that_never_ends_leaves_it_to_who_measures() {
        let (buffer, collector, mut calendar) = begun();
        calendar.interval = Duration::MAX;
        for _ in 0..2 {
            collector.mark();
            assert!(was_woken(&buffer));
            calendar.keep();
            assert_eq!(calendar.deadline(), None);
            assert!(calendar.advance());
        }
    }
}
