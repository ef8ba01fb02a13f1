//! The collection of metrics: when something was measured, what it has come to is taken from our own aggregation and from that of
//! OpenTelemetry's SDK once per interval, encoded and put into the buffer.
//!
//! Where the application's code takes part, which are the callbacks of observable instruments and hooks, or where there is much to
//! collect, it runs on a short-lived thread of its own: the worker must not wait for it. Otherwise the worker does it itself, which
//! takes less than to start a thread.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};

use super::buffer::{Buffer, lock};
use super::metric;
use super::stats::{DropReason, Signal};
use super::worker::become_worker;
use crate::diagnostics::say;
use crate::hook::{self, RecordHook};
use crate::metrics::instrument::Registry;
use crate::metrics::observed::Observe;

/// So many series are collected in less time than a thread is started.
const FEW: usize = 128;

/// Something was measured since the last collection.
const DIRTY: u8 = 1;
/// The worker looks for it by itself, an interval after the last collection.
const LOOKED_FOR: u8 = 2;

/// See the module's description.
pub(crate) struct Collector {
    buffer: Arc<Buffer>,
    reader: Reader,
    provider: SdkMeterProvider,
    /// Of the metrics in `registry`.
    scope: InstrumentationScope,
    registry: Registry,
    observed: Mutex<Vec<Arc<dyn Observe>>>,
    /// Somebody measures through OpenTelemetry's SDK.
    metered: AtomicBool,
    state: AtomicU8,
    /// Something may have been measured while the last collection began, and not be seen by it.
    unsettled: AtomicBool,
    running: AtomicBool,
    told: AtomicBool,
    hook: Option<RecordHook>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl Collector {
    pub(crate) fn new(
        buffer: Arc<Buffer>,
        scope: InstrumentationScope,
        hook: Option<RecordHook>,
    ) -> Self {
        // Delta for all but up-down counters, whose sums only mean something whole.
        let reader = ManualReader::builder().with_temporality(Temporality::Delta);
        let reader = Reader(Arc::new(reader.build()));
        let provider = SdkMeterProvider::builder()
            .with_resource(Resource::builder_empty().build())
            .with_reader(reader.clone())
            .build();
        Collector {
            registry: Registry::new(Arc::clone(&buffer)),
            buffer,
            reader,
            provider,
            scope,
            observed: Mutex::default(),
            metered: AtomicBool::new(false),
            state: AtomicU8::new(0),
            unsettled: AtomicBool::new(false),
            running: AtomicBool::new(false),
            told: AtomicBool::new(false),
            hook,
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn meter(&self, scope: InstrumentationScope) -> Meter {
        self.metered.store(true, Ordering::Release);
        self.provider.meter_with_scope(scope)
    }

    /// Whether it takes next to no time, whatever the application does.
    fn is_short(&self) -> bool {
        self.hook.is_none() && !self.metered.load(Ordering::Acquire) && self.registry.has_few(FEW)
    }

    pub(crate) fn watch(&self, observed: Arc<dyn Observe>) {
        lock(&self.observed).push(observed);
        self.buffer.wake.notify_one();
    }

    /// Something was measured.
    #[inline]
    pub(crate) fn mark(&self) {
        // No fence orders the measurement before the look at the flag, since it would cost as much as all the rest. So the flag may be
        // seen as it was before a collection that does not see the measurement: what `unsettled` is for.
        if self.state.load(Ordering::Relaxed) & DIRTY == 0 {
            self.mark_first();
        }
    }

    #[cold]
    fn mark_first(&self) {
        if self.state.fetch_or(DIRTY, Ordering::AcqRel) == 0 {
            self.buffer.wake.notify_one();
        }
    }

    /// From here on who measures leaves it there: the worker looks by itself, until it [looks no more](Self::look_no_more).
    pub(super) fn look_out(&self) {
        self.state.fetch_or(LOOKED_FOR, Ordering::AcqRel);
    }

    /// Who measures first from here on wakes the worker. What was measured before makes it [due](Self::is_due).
    pub(super) fn look_no_more(&self) {
        self.state.fetch_and(!LOOKED_FOR, Ordering::AcqRel);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.buffer.is_closed()
    }

    /// Counts a measurement that is dropped.
    pub(crate) fn refuse(&self, reason: DropReason) {
        self.first_refused(reason);
    }

    /// Counts a measurement that is dropped; true when it is the first for this reason.
    pub(crate) fn first_refused(&self, reason: DropReason) -> bool {
        self.buffer.counters.refused(Signal::Metrics, reason, 1)
    }

    /// There is something to collect.
    pub(super) fn is_due(&self) -> bool {
        self.state.load(Ordering::Acquire) & DIRTY != 0
            || self.unsettled.load(Ordering::Relaxed)
            || !lock(&self.observed).is_empty()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Begins a collection: in its turn, an interval after what made it [due](Self::is_due), or ahead of time. It may be over already
    /// when this returns.
    pub(super) fn start(self: &Arc<Self>, in_turn: bool) {
        self.running.store(true, Ordering::Release);
        let was_dirty = self.state.fetch_and(!DIRTY, Ordering::AcqRel) & DIRTY != 0;
        fence(Ordering::SeqCst);
        // An interval later every thread's measurements can be seen.
        if was_dirty || in_turn {
            self.unsettled.store(was_dirty, Ordering::Relaxed);
        }
        if self.is_short() {
            if self.collect_own() {
                self.buffer.hurry();
            }
            self.running.store(false, Ordering::Release);
            return;
        }
        let running = Running(Arc::clone(self));
        let collect = move || {
            become_worker();
            running.0.collect();
        };
        let thread = std::thread::Builder::new().name("highlight-metrics".to_owned());
        if thread.spawn(collect).is_err() {
            // What was measured stays where it is until there are threads again.
            self.state.fetch_or(DIRTY, Ordering::Release);
        }
    }

    /// Shows a metric to the hook, when there is one, and puts it into the buffer.
    fn push(&self, scope: &InstrumentationScope, message: &[u8], points: u64) {
        let Some(hook) = &self.hook else {
            return self.buffer.push_points(scope, message, points);
        };
        let mut message = message.to_vec();
        if hook::apply(hook, metric::LAYOUT, &mut message) {
            self.buffer.push_points(scope, &message, points);
        } else {
            let counters = &self.buffer.counters;
            counters.refused(Signal::Metrics, DropReason::Hook, points);
        }
    }

    /// Puts into the buffer what was measured by other ways than OpenTelemetry's SDK. True where that is something.
    fn collect_own(&self) -> bool {
        let most = self.buffer.comfortable_bytes();
        let mut pushed = false;
        for one in self.registry.metrics() {
            metric::encode_own(&one.collect(), most, &mut |message, points| {
                self.push(&self.scope, message, points);
                pushed = true;
            });
        }
        pushed
    }

    /// Takes all that was measured and puts it into the buffer.
    pub(crate) fn collect(&self) {
        let observed = lock(&self.observed).clone();
        let panicked = observed.iter().filter(|one| !one.observe()).count();
        if panicked > 0 && !self.told.swap(true, Ordering::AcqRel) {
            say(format_args!("a callback of an observable metric panicked"));
        }
        let mut pushed = self.collect_own();
        let most = self.buffer.comfortable_bytes();
        let mut collected = ResourceMetrics::default();
        if self.metered.load(Ordering::Acquire) && self.reader.0.collect(&mut collected).is_ok() {
            for of_scope in collected.scope_metrics() {
                for one in of_scope.metrics() {
                    metric::encode(one, most, &mut |message, points| {
                        self.push(of_scope.scope(), message, points);
                        pushed = true;
                    });
                }
            }
        }
        if pushed {
            self.buffer.hurry();
        }
    }
}

/// However a collection ends, the worker hears of it.
struct Running(Arc<Collector>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        self.0.buffer.wake.notify_one();
    }
}

/// OpenTelemetry's manual reader, shared: the provider wants to own its reader.
#[derive(Debug, Clone)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}
