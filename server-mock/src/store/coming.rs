//! How many requests are on their way to be inserted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts them.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<AtomicUsize>);

impl Arrivals {
    pub(super) fn announce(&self) -> Coming {
        self.0.fetch_add(1, Relaxed);
        Coming(self.clone())
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

/// One request, until its rows are in line or it is refused.
#[derive(Debug)]
pub(crate) struct Coming(Arrivals);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Arrivals;

    #[test]
    fn a_request_is_coming_until_it_is_dropped() {
        let arrivals = Arrivals::default();
        let coming = [arrivals.announce(), arrivals.clone().announce()];
        assert!(arrivals.any());
        drop(coming);
        assert!(!arrivals.any());
    }
}
