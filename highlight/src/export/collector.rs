//! The collection of metrics: when something was measured, what it has come to is taken from OpenTelemetry's aggregation once
//! per interval, encoded and put into the buffer.
//!
//! It runs on a short-lived thread of its own, since the callbacks of observable instruments are the application's code, and the
//! worker must not wait for them.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
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
use crate::metrics::exemplar::Exemplars;
use crate::metrics::instrument::{Kind, Registry};
use crate::metrics::observed::Observe;

/// See the module's description.
pub(crate) struct Collector {
    buffer: Arc<Buffer>,
    reader: Reader,
    provider: SdkMeterProvider,
    /// Of the SDK's own meter, behind which `registry` is.
    scope: InstrumentationScope,
    registry: Registry,
    observed: Mutex<Vec<Arc<dyn Observe>>>,
    /// Something was measured since the last collection.
    dirty: AtomicBool,
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
            registry: Registry::new(
                provider.meter_with_scope(scope.clone()),
                Arc::clone(&buffer),
            ),
            buffer,
            reader,
            provider,
            scope,
            observed: Mutex::default(),
            dirty: AtomicBool::new(false),
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
        self.provider.meter_with_scope(scope)
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
        if !self.dirty.load(Ordering::Relaxed) {
            self.mark_first();
        }
    }

    #[cold]
    fn mark_first(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.buffer.wake.notify_one();
        }
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
        self.dirty.load(Ordering::Acquire)
            || self.unsettled.load(Ordering::Relaxed)
            || !lock(&self.observed).is_empty()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Begins a collection on a thread of its own: in its turn, an interval after what made it [due](Self::is_due), or ahead of time.
    pub(super) fn start(self: &Arc<Self>, in_turn: bool) {
        self.running.store(true, Ordering::Release);
        let was_dirty = self.dirty.swap(false, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        // An interval later every thread's measurements can be seen.
        if was_dirty || in_turn {
            self.unsettled.store(was_dirty, Ordering::Relaxed);
        }
        let running = Running(Arc::clone(self));
        let collect = move || {
            become_worker();
            running.0.collect();
        };
        let thread = std::thread::Builder::new().name("highlight-metrics".to_owned());
        if thread.spawn(collect).is_err() {
            // What was measured stays where it is until there are threads again.
            self.dirty.store(true, Ordering::Release);
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

    /// Takes what was measured and puts it into the buffer.
    pub(crate) fn collect(&self) {
        let observed = lock(&self.observed).clone();
        let panicked = observed.iter().filter(|one| !one.observe()).count();
        if panicked > 0 && !self.told.swap(true, Ordering::AcqRel) {
            say(format_args!("a callback of an observable metric panicked"));
        }
        self.registry.sweep();
        let mut collected = ResourceMetrics::default();
        if self.reader.0.collect(&mut collected).is_err() {
            return;
        }
        let mut pushed = false;
        for of_scope in collected.scope_metrics() {
            let scope = of_scope.scope();
            for metric in of_scope.metrics() {
                let exemplars = if *scope == self.scope {
                    let kind = kind(metric.data());
                    let exemplars = self.registry.exemplars(kind, metric.name());
                    if overflows(metric.data()) {
                        self.registry.forget_series(kind, metric.name());
                    }
                    exemplars
                } else {
                    Exemplars::new()
                };
                let most = self.buffer.comfortable_bytes();
                metric::encode(metric, &exemplars, most, &mut |message, points| {
                    self.push(scope, message, points);
                    pushed = true;
                });
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

fn kind(data: &AggregatedMetrics) -> Kind {
    fn of<T>(data: &MetricData<T>) -> Kind {
        match data {
            MetricData::Gauge(_) => Kind::Gauge,
            MetricData::Sum(sum) if sum.is_monotonic() => Kind::Counter,
            MetricData::Sum(_) => Kind::UpDownCounter,
            MetricData::Histogram(_) | MetricData::ExponentialHistogram(_) => Kind::Histogram,
        }
    }
    match data {
        AggregatedMetrics::F64(data) => of(data),
        AggregatedMetrics::U64(data) => of(data),
        AggregatedMetrics::I64(data) => of(data),
    }
}

/// Whether there were more series than OpenTelemetry keeps.
fn overflows(data: &AggregatedMetrics) -> bool {
    const OVERFLOW: &str = "otel.metric.overflow";
    fn of<T>(data: &MetricData<T>) -> bool {
        fn marked<'a>(mut tags: impl Iterator<Item = &'a KeyValue>) -> bool {
            tags.any(|tag| tag.key.as_str() == OVERFLOW)
        }
        match data {
            MetricData::Gauge(gauge) => gauge.data_points().any(|one| marked(one.attributes())),
            MetricData::Sum(sum) => sum.data_points().any(|one| marked(one.attributes())),
            MetricData::Histogram(histogram) => {
                histogram.data_points().any(|one| marked(one.attributes()))
            }
            MetricData::ExponentialHistogram(_) => false,
        }
    }
    match data {
        AggregatedMetrics::F64(data) => of(data),
        AggregatedMetrics::U64(data) => of(data),
        AggregatedMetrics::I64(data) => of(data),
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
