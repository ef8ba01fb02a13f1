//! Starting: the pipeline first, then, for `init`, the process's globals.

use std::sync::{Mutex, PoisonError};

use opentelemetry::InstrumentationScope;
#[cfg(any(feature = "process-metrics", feature = "tokio-metrics"))]
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Settings;
use crate::error::Error;
use crate::export::Exporter;
use crate::export::processors::Intake;
use crate::guard::Guard;
use crate::handle::{Client, Highlight};
use crate::ids::Ids;
use crate::metrics::provider::MeterProvider;
use crate::metrics::record::Metrics;

/// More than the encoder sends, so that the session, which is set last, always finds room.
const SDK_ATTRIBUTES_PER_SPAN: u32 = 1_024;

/// Starts a pipeline and nothing global.
///
/// # Errors
/// The worker could not be started.
pub(crate) fn start(settings: &Settings) -> Result<Guard, Error> {
    let scope = InstrumentationScope::builder("highlight")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    let exporter = if settings.disabled {
        Exporter::disabled(settings.bounds, scope.clone())
    } else {
        Exporter::start(settings.plan(), settings.bounds, scope.clone()).map_err(Error::Worker)?
    };
    let intake = Intake::new(Arc::clone(&exporter.buffer), settings.markup_guard);
    let collector = (!settings.disabled).then(|| Arc::clone(&exporter.collector));
    let meter_provider = MeterProvider::new(collector);
    let metrics = Metrics::new(
        Arc::clone(&exporter.collector),
        settings.metric_session,
        settings.http_metrics,
    );
    let mut spans = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_id_generator(Ids::default())
        .with_max_attributes_per_span(SDK_ATTRIBUTES_PER_SPAN)
        .with_span_processor(intake.clone());
    if settings.disabled {
        spans = spans.with_sampler(Sampler::AlwaysOff);
    }
    let tracer_provider = spans.build();
    let logger_provider = SdkLoggerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_log_processor(intake.clone())
        .build();
    #[cfg(feature = "process-metrics")]
    crate::metrics::process::watch(&meter_provider.meter_with_scope(scope.clone()));
    #[cfg(feature = "tokio-metrics")]
    crate::metrics::tokio::watch_current(&meter_provider.meter_with_scope(scope.clone()));
    Ok(Guard(Highlight(Arc::new(Client {
        exporter,
        intake,
        tracer: tracer_provider.tracer_with_scope(scope.clone()),
        scope,
        tracer_provider,
        logger_provider,
        meter_provider,
        metrics,
        project_id: settings.project_id.clone(),
        filter: settings.filter.clone(),
        disabled: settings.disabled,
        timeout: settings.shutdown_timeout,
    }))))
}

/// Starts a pipeline and makes it the process's.
///
/// # Errors
/// As [`start`]; or there is one already, or somebody else's subscriber.
pub(crate) fn init(settings: &Settings) -> Result<Guard, Error> {
    // Two threads that initialise at once are one after the other here.
    static INIT: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INIT.lock().unwrap_or_else(PoisonError::into_inner);
    if Highlight::installed().is_some() {
        return Err(Error::AlreadyInitialised);
    }
    let subscribe = !settings.own_subscriber && !settings.disabled;
    if subscribe && tracing::dispatcher::has_been_set() {
        return Err(Error::SubscriberAlreadySet);
    }
    let guard = start(settings)?;
    if subscribe {
        let subscriber = registry().with(guard.layer());
        subscriber
            .try_init()
            .map_err(|_| Error::SubscriberAlreadySet)?;
    }
    if !settings.disabled {
        opentelemetry::global::set_tracer_provider(guard.0.0.tracer_provider.clone());
        opentelemetry::global::set_meter_provider(guard.0.0.meter_provider.clone());
        opentelemetry::global::set_text_map_propagator(propagator());
        if settings.panic_hook {
            crate::panic::install(guard.handle());
        }
    }
    guard
        .handle()
        .install()
        .map_err(|_| Error::AlreadyInitialised)?;
    Ok(guard)
}

/// W3C trace context and baggage.
pub(crate) fn propagator() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}
