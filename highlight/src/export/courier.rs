//! One request under way: it always comes back with a verdict, whatever happens to it.

use std::sync::Arc;

use super::batch::Batch;
use super::buffer::{Buffer, lock};
use super::sync::Mutex;
use super::transport::{Transport, Verdict};

/// Verdicts by the number of the flight.
pub(crate) type Landed = Arc<Mutex<Vec<(u64, Verdict)>>>;

/// Carries one batch to the endpoint.
#[derive(Debug)]
pub(crate) struct Courier {
    flight: u64,
    landed: Option<Landed>,
    buffer: Arc<Buffer>,
}

impl Courier {
    pub(crate) fn new(flight: u64, landed: &Landed, buffer: &Arc<Buffer>) -> Self {
        Courier {
            flight,
            landed: Some(Arc::clone(landed)),
            buffer: Arc::clone(buffer),
        }
    }

    pub(crate) async fn deliver(mut self, transport: Transport, batch: Batch) {
        let verdict = transport.send(&batch).await;
        // The memory is accounted for with the flight, which the verdict ends.
        drop(batch);
        self.land(verdict);
    }

    fn land(&mut self, verdict: Verdict) {
        if let Some(landed) = self.landed.take() {
            lock(&landed).push((self.flight, verdict));
            self.buffer.wake.notify_one();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        // Only a panic in the client, or the end of the runtime, comes here without a verdict.
        self.land(Verdict::Retry {
            after: None,
            reason: "sending was interrupted".to_owned(),
        });
    }
}
