//! Starting: the pipeline first, then, for `init`, the process's globals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};
use std::sync::Arc;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Settings;
use crate::error::Error;
use crate::export::Exporter;
use crate::export::processors::Intake;
use crate::guard::Guard;
use crate::handle::{Client, Highlight};
use crate::http::Routes;
use crate::ids::Ids;
use crate::metrics::provider::MeterProvider;
use crate::metrics::record::Metrics;
use crate::owner::Owner;

/// More than the encoder sends, so that the session, which is set last, always finds room.
const SDK_ATTRIBUTES_PER_SPAN: u32 = 1_024;

/// Starts a pipeline and nothing global.
///
/// # Errors
/// The worker could not be started.
pub(crate) fn start(settings: &Settings) -> Result<Guard, Error> {
    let exporter = if settings.disabled {
        Exporter::disabled(settings.bounds, scope())
    } else {
        {
            let hook = settings.style.hooks.metric.clone();
            Exporter::start(settings.plan(), settings.bounds, scope(), hook)
                .map_err(Error::Worker)?
        }
    };
    Ok(Guard(assemble(settings, exporter)))
}

/// A pipeline that keeps what is recorded, to be looked at.
pub(crate) fn collecting(settings: &Settings) -> Highlight {
    let exporter = Exporter::keeping(&settings.plan(), settings.bounds, scope());
    assemble(settings, exporter)
}

/// Of what the SDK itself makes of `tracing` and of its own calls.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("highlight")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Everything that records, in front of `exporter`.
fn assemble(settings: &Settings, exporter: Exporter) -> Highlight {
    let scope = scope();
    let intake = Intake::new(Arc::clone(&exporter.buffer), settings.style.clone());
    let measures = settings.metrics && !settings.disabled;
    let collector = measures.then(|| Arc::clone(&exporter.collector));
    let meter_provider = MeterProvider::new(collector);
    let metrics = Metrics::new(
        Arc::clone(&exporter.collector),
        settings.metric_session,
        settings.http_metrics && measures,
        measures,
    );
    let sampler: Box<dyn ShouldSample> = if settings.disabled {
        Box::new(Sampler::AlwaysOff)
    } else {
        Box::new(settings.sampling.clone())
    };
    let tracer_provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_id_generator(Ids::default())
        .with_max_attributes_per_span(SDK_ATTRIBUTES_PER_SPAN)
        .with_sampler(sampler)
        .with_span_processor(intake.clone())
        .build();
    let logger_provider = SdkLoggerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_log_processor(intake.clone())
        .build();
    if settings.sdk_metrics {
        let meter = meter_provider.meter_with_scope(scope.clone());
        crate::metrics::sdk::watch(&meter, &exporter.buffer);
    }
    #[cfg(feature = "process-metrics")]
    crate::metrics::process::watch(&meter_provider.meter_with_scope(scope.clone()));
    #[cfg(feature = "tokio-metrics")]
    crate::metrics::tokio::watch_current(&meter_provider.meter_with_scope(scope.clone()));
    Highlight(Arc::new(Client {
        exporter,
        intake,
        owner: Owner::new(),
        sampling: settings.sampling.clone(),
        scope,
        tracer_provider,
        logger_provider,
        meter_provider,
        metrics,
        routes: Routes::default(),
        project_id: settings.project_id.clone(),
        filter: settings.filter.clone(),
        disabled: settings.disabled,
        hosts: settings.hosts.clone(),
        trust_forwarded: settings.trust_forwarded,
        timeout: settings.shutdown_timeout,
    }))
}

/// Starts a pipeline and makes it the process's.
///
/// # Errors
/// As [`start`]; or there is one that was not shut down, or somebody else's subscriber.
pub(crate) fn init(settings: &Settings) -> Result<Guard, Error> {
    // Two threads that initialise at once are one after the other here.
    static INIT: Mutex<()> = Mutex::new(());
    static OURS: AtomicBool = AtomicBool::new(false);
    let _one_at_a_time = INIT.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Highlight::installed();
    if before.is_some_and(Highlight::is_running) {
        return Err(Error::AlreadyInitialised);
    }
    let subscribe = !settings.own_subscriber && !settings.disabled;
    // The subscriber of an earlier init is still there, and hands over to this one.
    let has_ours = OURS.load(Ordering::Relaxed);
    if subscribe && !has_ours && tracing::dispatcher::has_been_set() {
        return Err(Error::SubscriberAlreadySet);
    }
    let guard = start(settings)?;
    if subscribe && !has_ours {
        guard
            .subscriber()
            .try_init()
            .map_err(|_| Error::SubscriberAlreadySet)?;
        OURS.store(true, Ordering::Relaxed);
    }
    if !settings.disabled {
        opentelemetry::global::set_tracer_provider(guard.0.0.tracer_provider.clone());
        opentelemetry::global::set_meter_provider(guard.0.0.meter_provider.clone());
        opentelemetry::global::set_text_map_propagator(propagator());
        if settings.panic_hook {
            crate::panic::install();
        }
    }
    if let Some(before) = before {
        before.0.intake.hand_over(guard.0.0.intake.clone());
    }
    guard.handle().install();
    Ok(guard)
}

/// W3C trace context and baggage.
pub(crate) fn propagator() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}
