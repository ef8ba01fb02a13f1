//! The meter provider for OpenTelemetry's metrics API: its instruments wake the worker, and take only what can be sent.

use std::sync::Arc;

use opentelemetry::metrics::{
    AsyncInstrumentBuilder, BoundCounter, BoundGauge, BoundHistogram, BoundSyncInstrument,
    BoundUpDownCounter, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder,
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
/// Values that are not finite are dropped and counted.
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
struct Watched<I> {
    instrument: I,
    collector: Arc<Collector>,
}

/// An instrument of OpenTelemetry's, of whichever kind.
trait Instrument<T> {
    type Bound: BoundInstrument<T> + Send + Sync + 'static;
    fn record(&self, value: T, attributes: &[KeyValue]);
    fn bind(&self, attributes: &[KeyValue]) -> Self::Bound;
}

/// The same with its attributes.
trait BoundInstrument<T> {
    fn record(&self, value: T);
}

macro_rules! instruments {
    ($($instrument:ident, $bound:ident, $record:ident;)*) => {$(
        impl<T: 'static> Instrument<T> for $instrument<T> {
            type Bound = $bound<T>;

            fn record(&self, value: T, attributes: &[KeyValue]) {
                self.$record(value, attributes);
            }

            fn bind(&self, attributes: &[KeyValue]) -> $bound<T> {
                $instrument::bind(self, attributes)
            }
        }

        impl<T> BoundInstrument<T> for $bound<T> {
            fn record(&self, value: T) {
                self.$record(value);
            }
        }
    )*};
}

instruments! {
    Counter, BoundCounter, add;
    UpDownCounter, BoundUpDownCounter, add;
    Gauge, BoundGauge, record;
    Histogram, BoundHistogram, record;
}

/// Records what can be sent, and wakes the worker.
fn watch<T: Finite>(collector: &Collector, value: T, record: impl FnOnce(T)) {
    if is_worker() {
        return;
    }
    if collector.is_closed() {
        collector.refuse(DropReason::Shutdown);
    } else if value.is_finite() {
        record(value);
        collector.mark();
    } else {
        collector.refuse(DropReason::Invalid);
    }
}

impl<T: Finite, I: Instrument<T> + Send + Sync> SyncInstrument<T> for Watched<I> {
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        watch(&self.collector, value, |value| {
            self.instrument.record(value, attributes);
        });
    }

    fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<T> + Send + Sync> {
        Box::new(Watched {
            instrument: self.instrument.bind(attributes),
            collector: Arc::clone(&self.collector),
        })
    }
}

impl<T: Finite, B: BoundInstrument<T> + Send + Sync> BoundSyncInstrument<T> for Watched<B> {
    fn measure(&self, value: T) {
        watch(&self.collector, value, |value| {
            self.instrument.record(value);
        });
    }
}

macro_rules! synchronous {
    ($($make:ident: $builder:ident, $instrument:ident<$number:ty> $(, $extra:ident)?;)*) => {$(
        fn $make(&self, asked: $builder<'_, $instrument<$number>>) -> $instrument<$number> {
            let mut builder = self.meter.$make(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            $(builder.$extra = asked.$extra;)?
            $instrument::new(Arc::new(Watched {
                instrument: builder.build(),
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
        u64_counter: InstrumentBuilder, Counter<u64>;
        f64_counter: InstrumentBuilder, Counter<f64>;
        i64_up_down_counter: InstrumentBuilder, UpDownCounter<i64>;
        f64_up_down_counter: InstrumentBuilder, UpDownCounter<f64>;
        u64_gauge: InstrumentBuilder, Gauge<u64>;
        f64_gauge: InstrumentBuilder, Gauge<f64>;
        i64_gauge: InstrumentBuilder, Gauge<i64>;
        f64_histogram: HistogramBuilder, Histogram<f64>, boundaries;
        u64_histogram: HistogramBuilder, Histogram<u64>, boundaries;
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
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as NumberValue;

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
    fn a_bound_instrument_counts_like_any_other() {
        let tags = [KeyValue::new("shop", "berlin")];
        let metrics = collected(|meter| {
            let counter = meter.u64_counter("orders").build();
            let bound = counter.bind(&tags);
            bound.add(2);
            counter.add(3, &tags);
        });
        let Some(Data::Sum(sum)) = &metrics[0].data else {
            panic!("a sum expected: {metrics:?}")
        };
        let values: Vec<_> = sum.data_points.iter().map(|point| &point.value).collect();
        assert_eq!(values, [&Some(NumberValue::AsInt(5))]);
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
