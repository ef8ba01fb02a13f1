//! Where trace and span ids come from.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    static ADOPTED: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Random ids; the first trace begun inside [`adopting`] gets the id that came from outside.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    #[inline]
    fn new_trace_id(&self) -> TraceId {
        ADOPTED.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    #[inline]
    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Runs `start`, which begins a trace, so that it goes on under `trace_id`. OpenTelemetry has no other way to say so: a parent
/// without a span id is no parent to it.
#[inline]
pub(crate) fn adopting<T>(trace_id: Option<TraceId>, start: impl FnOnce() -> T) -> T {
    let adopts = trace_id.is_some();
    if adopts {
        ADOPTED.set(trace_id);
    }
    let started = start();
    if adopts {
        ADOPTED.set(None);
    }
    started
}

/// Ids for a span outside the SDK's tracer, whose generator needs thread-locals that may be gone where a panic is reported.
pub(crate) fn independent() -> (TraceId, SpanId) {
    let random = RandomState::new();
    let (high, low) = (
        u128::from(random.hash_one(1)),
        u128::from(random.hash_one(2)),
    );
    let span = random.hash_one(3);
    (
        TraceId::from((high << 64 | low).max(1)),
        SpanId::from(span.max(1)),
    )
}

/// The same where thread-locals are sure to be there, which is quicker.
pub(crate) fn random() -> (TraceId, SpanId) {
    let ids = RandomIdGenerator::default();
    (ids.new_trace_id(), ids.new_span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_ids_are_valid_and_differ() {
        let (trace, span) = independent();
        assert_ne!(trace, TraceId::INVALID);
        assert_ne!(span, SpanId::INVALID);
        assert_ne!(independent().0, trace);
    }

    #[test]
    fn an_adopted_id_is_used_once_and_only_inside() {
        let ids = Ids::default();
        let outside = TraceId::from(7);
        adopting(Some(outside), || {
            assert_eq!(ids.new_trace_id(), outside);
            assert_ne!(ids.new_trace_id(), outside);
        });
        adopting(Some(outside), || {});
        assert_ne!(ids.new_trace_id(), outside);
    }
}
