//! The stock pipeline of each signal.

use std::error::Error;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, MeterProvider as _};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// What the service records through.
pub(crate) struct Telemetry {
    pub(crate) spans: SdkTracerProvider,
    pub(crate) logs: SdkLoggerProvider,
    /// Payments made. An instrument is made once and kept.
    pub(crate) paid: Counter<u64>,
    metrics: SdkMeterProvider,
}

impl Telemetry {
    /// Everything goes to `endpoint`, a base URL, for `project`, each signal with a thread of its own.
    pub(crate) fn start(project: &str, endpoint: &str) -> Result<Self, Box<dyn Error>> {
        // All that highlight.io asks for: the attribute that names the project.
        let resource = Resource::builder()
            .with_service_name("payments")
            .with_attribute(KeyValue::new("highlight.project_id", project.to_owned()))
            .build();
        // An exporter takes its endpoint as it is, path and all.
        let spans = SpanExporter::builder().with_http();
        let spans = spans
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()?;
        let logs = LogExporter::builder().with_http();
        let logs = logs.with_endpoint(format!("{endpoint}/v1/logs")).build()?;
        // highlight.io takes sums for those of one period each.
        let metrics = MetricExporter::builder().with_temporality(Temporality::Delta);
        let metrics = metrics.with_http();
        let metrics = metrics
            .with_endpoint(format!("{endpoint}/v1/metrics"))
            .build()?;
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_periodic_exporter(metrics)
            .build();
        Ok(Telemetry {
            spans: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_resource(resource)
                .with_batch_exporter(logs)
                .build(),
            paid: metrics.meter("payments").u64_counter("payments").build(),
            metrics,
        })
    }

    /// Sends what is queued, and stops.
    pub(crate) fn shutdown(self) -> OTelSdkResult {
        self.spans.shutdown()?;
        self.logs.shutdown()?;
        self.metrics.shutdown()
    }
}
