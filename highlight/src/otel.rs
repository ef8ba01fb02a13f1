//! The OpenTelemetry side, for what the rest of the crate does not cover. The types are those of the OpenTelemetry version that
//! this crate is built on: they change when it does.

pub use opentelemetry;
pub use opentelemetry_sdk;

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::handle::Highlight;
pub use crate::metrics::provider::MeterProvider;

impl Highlight {
    /// The tracer provider whose spans end in this pipeline. [`Config::init`](crate::Config::init) made it OpenTelemetry's global
    /// one.
    #[must_use]
    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.0.tracer_provider
    }

    /// The logger provider whose records end in this pipeline; OpenTelemetry has no global one.
    #[must_use]
    pub fn logger_provider(&self) -> &SdkLoggerProvider {
        &self.0.logger_provider
    }

    /// The meter provider whose metrics end in this pipeline. [`Config::init`](crate::Config::init) made it OpenTelemetry's global
    /// one.
    ///
    /// # Examples
    ///
    /// ```
    /// use highlight::otel::opentelemetry::KeyValue;
    /// use highlight::otel::opentelemetry::metrics::MeterProvider as _;
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// let meter = highlight.meter_provider().meter("pool");
    /// let connections = meter.i64_up_down_counter("pool.connections").build();
    /// connections.add(1, &[KeyValue::new("pool", "orders")]);
    /// assert_eq!(highlight.stats().dropped_total(), 0);
    /// ```
    #[must_use]
    pub fn meter_provider(&self) -> &MeterProvider {
        &self.0.meter_provider
    }
}
