//! The meter provider for OpenTelemetry's metrics API: its instruments wake the worker, and take only what can be sent.

use std::sync::Arc;

use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder,
    InstrumentProvider, Meter, NoopMeterProvider, ObservableCounter, ObservableGauge,
    ObservableUpDownCounter, SyncInstrument, UpDownCounter,
};
use opentelemetry::{InstrumentationScope, KeyValue};

use super::observed::Observed;
use crate::export::collector::Collector;
use crate::export::stats::DropReason;
use crate::export::worker::is_worker;

/// A meter provider whose metrics end in this SDK's pipeline.
///
/// Callbacks of observable instruments run on a thread of the SDK, once per interval; what they log or trace is not recorded.
/// Values that are not finite are dropped and counted. OpenTelemetry's experimental bound instruments are not supported: what they
/// record goes nowhere.
#[derive(Debug, Clone)]
pub struct MeterProvider {
    /// None where the SDK is disabled.
    collector: Option<Arc<Collector>>,
}

impl MeterProvider {
    pub(crate) fn new(collector: Option<Arc<Collector>>) -> Self {
        MeterProvider { collector }
    }
}

impl opentelemetry::metrics::MeterProvider for MeterProvider {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let Some(collector) = &self.collector else {
            let nowhere = NoopMeterProvider::new();
            return opentelemetry::metrics::MeterProvider::meter_with_scope(&nowhere, scope);
        };
        Meter::new(Arc::new(Watching {
            meter: collector.meter(scope),
            collector: Arc::clone(collector),
        }))
    }
}

/// Makes instruments of the SDK's meter, each with a watch on it.
struct Watching {
    meter: Meter,
    collector: Arc<Collector>,
}

/// A synchronous instrument under watch.
struct Watched<F> {
    record: F,
    collector: Arc<Collector>,
}

impl<T: Finite, F: Fn(T, &[KeyValue]) + Send + Sync> SyncInstrument<T> for Watched<F> {
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        if is_worker() {
            return;
        }
        if self.collector.is_closed() {
            self.collector.refuse(DropReason::Shutdown);
        } else if value.is_finite() {
            (self.record)(value, attributes);
            self.collector.mark();
        } else {
            self.collector.refuse(DropReason::Invalid);
        }
    }
}

macro_rules! synchronous {
    ($($make:ident: $builder:ident, $instrument:ident<$number:ty>, $record:ident $(, $extra:ident)?;)*) => {$(
        fn $make(&self, asked: $builder<'_, $instrument<$number>>) -> $instrument<$number> {
            let mut builder = self.meter.$make(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            $(builder.$extra = asked.$extra;)?
            let instrument = builder.build();
            $instrument::new(Arc::new(Watched {
                record: move |value, attributes: &[KeyValue]| instrument.$record(value, attributes),
                collector: Arc::clone(&self.collector),
            }))
        }
    )*};
}

macro_rules! observable {
    ($($make:ident: $instrument:ident<$number:ty>;)*) => {$(
        fn $make(
            &self,
            asked: AsyncInstrumentBuilder<'_, $instrument<$number>, $number>,
        ) -> $instrument<$number> {
            let mut builder = self.meter.$make(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            if !asked.callbacks.is_empty() {
                let observed = Arc::new(Observed::new(asked.callbacks));
                self.collector.watch(observed.clone());
                builder = builder.with_callback(move |instrument| observed.replay(instrument));
            }
            builder.build()
        }
    )*};
}

impl InstrumentProvider for Watching {
    synchronous! {
        u64_counter: InstrumentBuilder, Counter<u64>, add;
        f64_counter: InstrumentBuilder, Counter<f64>, add;
        i64_up_down_counter: InstrumentBuilder, UpDownCounter<i64>, add;
        f64_up_down_counter: InstrumentBuilder, UpDownCounter<f64>, add;
        u64_gauge: InstrumentBuilder, Gauge<u64>, record;
        f64_gauge: InstrumentBuilder, Gauge<f64>, record;
        i64_gauge: InstrumentBuilder, Gauge<i64>, record;
        f64_histogram: HistogramBuilder, Histogram<f64>, record, boundaries;
        u64_histogram: HistogramBuilder, Histogram<u64>, record, boundaries;
    }

    observable! {
        u64_observable_counter: ObservableCounter<u64>;
        f64_observable_counter: ObservableCounter<f64>;
        i64_observable_up_down_counter: ObservableUpDownCounter<i64>;
        f64_observable_up_down_counter: ObservableUpDownCounter<f64>;
        u64_observable_gauge: ObservableGauge<u64>;
        i64_observable_gauge: ObservableGauge<i64>;
        f64_observable_gauge: ObservableGauge<f64>;
    }
}

/// The number types of instruments.
pub(crate) trait Finite: Copy + Send + Sync + 'static {
    fn is_finite(self) -> bool;
}

impl Finite for u64 {
    fn is_finite(self) -> bool {
        true
    }
}

impl Finite for i64 {
    fn is_finite(self) -> bool {
        true
    }
}

impl Finite for f64 {
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::collected;
    use opentelemetry::KeyValue;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;

    #[test]
    fn a_callback_that_panics_costs_its_own_metric_only() {
        let metrics = collected(|meter| {
            let gauge = meter.f64_observable_gauge("panics");
            gauge.with_callback(|_| panic!("not today")).build();
            let gauge = meter.f64_observable_gauge("works");
            gauge
                .with_callback(|instrument| instrument.observe(2.0, &[KeyValue::new("a", "b")]))
                .build();
            meter.u64_counter("counts").build().add(1, &[]);
        });
        let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["counts", "works"]);
    }

    #[test]
    fn a_callback_may_make_instruments() {
        let metrics = collected(|meter| {
            let inner = meter.clone();
            let gauge = meter.u64_observable_gauge("outer");
            gauge
                .with_callback(move |instrument| {
                    inner.u64_gauge("inner").build();
                    instrument.observe(1, &[]);
                })
                .build();
        });
        assert_eq!(metrics[0].name, "outer");
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let metrics = collected(|meter| {
            let histogram = meter.f64_histogram("measured").build();
            for value in [f64::NAN, 1.0, f64::INFINITY] {
                histogram.record(value, &[]);
            }
            let gauge = meter.f64_observable_gauge("observed");
            gauge
                .with_callback(|instrument| instrument.observe(f64::NAN, &[]))
                .build();
        });
        let [metric] = &metrics[..] else {
            panic!("one metric expected: {metrics:?}")
        };
        let Some(Data::Histogram(histogram)) = &metric.data else {
            panic!("a histogram expected")
        };
        assert_eq!(histogram.data_points[0].sum, Some(1.0));
        assert_eq!(histogram.data_points[0].count, 1);
    }
}
