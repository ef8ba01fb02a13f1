//! Observable instruments: their callbacks are the application's, so they run outside of every lock and may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Callback};

use super::provider::Finite;
use crate::export::buffer::lock;

/// Runs callbacks and keeps what they observe until OpenTelemetry, under its lock, asks for it.
pub(crate) struct Observed<T> {
    callbacks: Vec<Callback<T>>,
    values: Mutex<Vec<(T, Vec<KeyValue>)>>,
}

/// An [`Observed`] of any number type.
pub(crate) trait Observe: Send + Sync {
    /// Runs the callbacks; false when one of them panicked.
    fn observe(&self) -> bool;
}

impl<T: Finite> Observed<T> {
    pub(super) fn new(callbacks: Vec<Callback<T>>) -> Self {
        Observed {
            callbacks,
            values: Mutex::default(),
        }
    }

    /// Gives what was observed to OpenTelemetry.
    pub(super) fn replay(&self, instrument: &dyn AsyncInstrument<T>) {
        for (value, attributes) in lock(&self.values).drain(..) {
            instrument.observe(value, &attributes);
        }
    }
}

impl<T: Finite> Observe for Observed<T> {
    fn observe(&self) -> bool {
        let notes = Notes(Mutex::default());
        let mut all_well = true;
        for callback in &self.callbacks {
            all_well &= catch_unwind(AssertUnwindSafe(|| callback(&notes))).is_ok();
        }
        let notes = notes.0.into_inner();
        *lock(&self.values) = notes.unwrap_or_else(std::sync::PoisonError::into_inner);
        all_well
    }
}

/// What callbacks see as the instrument.
struct Notes<T>(Mutex<Vec<(T, Vec<KeyValue>)>>);

impl<T: Finite> AsyncInstrument<T> for Notes<T> {
    fn observe(&self, value: T, attributes: &[KeyValue]) {
        if value.is_finite() {
            lock(&self.0).push((value, attributes.to_vec()));
        }
    }
}
