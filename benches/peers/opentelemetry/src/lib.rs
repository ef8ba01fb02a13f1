//! OpenTelemetry by hand: tracing-opentelemetry, opentelemetry-appender-tracing, batch processors, OTLP/HTTP with gzip.
//!
//! With the feature `place` its log records carry target, module, file and line, as ours do.

use harness::{ATTRIBUTES, COUNTER, Declined, HISTOGRAM, Peer};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider as _};
use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{Compression, LogExporter, MetricExporter, Protocol, SpanExporter};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::prelude::*;

struct ByHand {
    spans: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metrics: SdkMeterProvider,
    tracer: SdkTracer,
    orders: Counter<u64>,
    total: Histogram<f64>,
}

impl Peer for ByHand {
    fn capture(&self, error: &Declined) {
        let mut span = self.tracer.start("error");
        span.record_error(error);
        span.set_status(Status::error(error.to_string()));
    }

    fn measure(&self, at: u64) {
        self.orders
            .add(1, &ATTRIBUTES.map(|(key, value)| KeyValue::new(key, value)));
        self.total.record(at as f64, &[]);
    }

    fn flush(&self) {
        for result in [
            self.spans.force_flush(),
            self.logs.force_flush(),
            self.metrics.force_flush(),
        ] {
            if let Err(error) = result {
                eprintln!("{error}");
            }
        }
    }
}

/// Starts it.
pub fn start(endpoint: &str) -> impl Peer + use<> {
    let resource = Resource::builder().with_service_name("bench").build();
    let span_exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_protocol(Protocol::HttpBinary)
        .with_compression(Compression::Gzip)
        .build()
        .expect("an exporter");
    let log_exporter = LogExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/logs"))
        .with_protocol(Protocol::HttpBinary)
        .with_compression(Compression::Gzip)
        .build()
        .expect("an exporter");
    let spans = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(span_exporter)
        .build();
    let logs = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(log_exporter)
        .build();
    let metric_exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/metrics"))
        .with_protocol(Protocol::HttpBinary)
        .with_compression(Compression::Gzip)
        .build()
        .expect("an exporter");
    let metrics = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_periodic_exporter(metric_exporter)
        .build();
    let tracer = spans.tracer("bench");
    let span_layer = tracing_opentelemetry::layer().with_tracer(tracer.clone());
    tracing_subscriber::registry()
        .with(span_layer.with_filter(filter_fn(|metadata| metadata.is_span())))
        .with(OpenTelemetryTracingBridge::new(&logs))
        .with(LevelFilter::INFO)
        .init();
    // What other crates instrument goes the same way.
    opentelemetry::global::set_tracer_provider(spans.clone());
    opentelemetry::global::set_meter_provider(metrics.clone());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let meter = metrics.meter("bench");
    let orders = meter.u64_counter(COUNTER).build();
    let total = meter.f64_histogram(HISTOGRAM).build();
    ByHand {
        spans,
        logs,
        metrics,
        tracer,
        orders,
        total,
    }
}
