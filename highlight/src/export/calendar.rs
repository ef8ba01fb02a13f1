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
                self.collector.start();
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
            self.collector.start();
        }
        is_due
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }
}
