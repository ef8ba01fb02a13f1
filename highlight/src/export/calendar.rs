//! When metrics are collected: an interval after the first measurement, or when somebody waits for them.

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
            self.due = None;
            // One that hangs in the application's callback is not joined by another.
            if !self.is_running() && !self.collector.is_closed() {
                self.collector.start(true);
            }
        }
        if self.due.is_none() && self.collector.is_due() {
            // An interval beyond the clock's range is for ever.
            self.due = now.checked_add(self.interval);
        }
    }

    /// Starts a collection ahead of time, if there is something to collect; true when it runs.
    pub(crate) fn advance(&mut self) -> bool {
        let is_due = self.collector.is_due();
        if is_due {
            self.due = None;
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
    use opentelemetry::InstrumentationScope;

    use super::super::buffer::{Bounds, Buffer};
    use super::*;

    /// Waits for the collection that runs.
    fn settle(calendar: &Calendar) {
        while calendar.is_running() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_a_collection_may_not_have_seen_is_looked_for_an_interval_later() {
        let buffer = Arc::new(Buffer::new(Bounds {
            budget: 1 << 20,
            request: 1 << 20,
        }));
        let scope = InstrumentationScope::builder("highlight").build();
        let collector = Arc::new(Collector::new(buffer, scope, None));
        let mut calendar = Calendar::new(Arc::clone(&collector), Duration::ZERO);
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
}
