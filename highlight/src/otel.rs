//! The OpenTelemetry side, for what the rest of the crate does not cover. The types are those of the OpenTelemetry version that
//! this crate is built on: they change when it does.

pub use opentelemetry;
pub use opentelemetry_sdk;

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::handle::Highlight;
use crate::layer::Entry;
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

/// OpenTelemetry's side of a `tracing` span: what `tracing-opentelemetry`'s `OpenTelemetrySpanExt` is to that crate's layer. Where no
/// [layer](Highlight::layer) records the span, nothing happens.
///
/// # Examples
///
/// ```
/// use highlight::otel::SpanExt as _;
/// use highlight::otel::opentelemetry::{KeyValue, trace::TraceContextExt as _};
///
/// let sent = highlight::testing::capture(|| {
///     let span = tracing::info_span!("job");
///     span.set_attribute(KeyValue::new("queue", "mail"));
///     assert!(span.context().span().span_context().is_valid());
/// });
/// assert_eq!(sent.spans()[0].attribute("queue"), Some("mail"));
/// ```
pub trait SpanExt {
    /// The context with the span in it. The span begins now, if it had not.
    fn context(&self) -> opentelemetry::Context;

    /// Makes the span a child of the one in `parent`, with that context's values. False when it was entered before, or its context
    /// was asked for: then it has begun under another parent.
    fn set_parent(&self, parent: opentelemetry::Context) -> bool;

    /// Sets an attribute, declared as a field or not.
    fn set_attribute(&self, attribute: opentelemetry::KeyValue);

    /// Sets the status.
    fn set_status(&self, status: opentelemetry::trace::Status);

    /// Adds an event.
    fn add_event(
        &self,
        name: impl Into<std::borrow::Cow<'static, str>>,
        attributes: Vec<opentelemetry::KeyValue>,
    );

    /// Links to another span.
    fn add_link(&self, other: opentelemetry::trace::SpanContext);
}

impl SpanExt for tracing::Span {
    fn context(&self) -> opentelemetry::Context {
        Entry::context_of(self).unwrap_or_default()
    }

    fn set_parent(&self, parent: opentelemetry::Context) -> bool {
        Entry::recording_of(self).is_some_and(|recording| recording.set_parent(parent))
    }

    fn set_attribute(&self, attribute: opentelemetry::KeyValue) {
        self.context().span().set_attribute(attribute);
    }

    fn set_status(&self, status: opentelemetry::trace::Status) {
        self.context().span().set_status(status);
    }

    fn add_event(
        &self,
        name: impl Into<std::borrow::Cow<'static, str>>,
        attributes: Vec<opentelemetry::KeyValue>,
    ) {
        self.context().span().add_event(name, attributes);
    }

    fn add_link(&self, other: opentelemetry::trace::SpanContext) {
        if let Some(recording) = Entry::recording_of(self) {
            recording.link(other, Vec::new());
        }
    }
}
