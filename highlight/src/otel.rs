//! The OpenTelemetry side, for what the rest of the crate does not cover. The types are those of the OpenTelemetry version that
//! this crate is built on: they change when it does.

pub use opentelemetry;
pub use opentelemetry_sdk;

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::handle::Highlight;

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
}
