//! Starting: the pipeline first, then, for `init`, the process's globals.

use std::sync::{Mutex, PoisonError};

use opentelemetry::InstrumentationScope;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};
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

/// More than the encoder sends, so that the session, which is set last, always finds room.
const SDK_ATTRIBUTES_PER_SPAN: u32 = 1_024;

/// Starts a pipeline and nothing global.
///
/// # Errors
/// The worker could not be started.
pub(crate) fn start(settings: &Settings) -> Result<Guard, Error> {
    let exporter = if settings.disabled {
        Exporter::disabled(settings.bounds)
    } else {
        Exporter::start(settings.plan(), settings.bounds).map_err(Error::Worker)?
    };
    Ok(Guard(assemble(settings, exporter)))
}

/// A pipeline that keeps what is recorded, to be looked at.
pub(crate) fn collecting(settings: &Settings) -> Highlight {
    assemble(
        settings,
        Exporter::keeping(&settings.plan(), settings.bounds),
    )
}

/// Everything that records, in front of `exporter`.
fn assemble(settings: &Settings, exporter: Exporter) -> Highlight {
    let intake = Intake::new(Arc::clone(&exporter.buffer), settings.style.clone());
    let scope = InstrumentationScope::builder("highlight")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
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
    Highlight(Arc::new(Client {
        exporter,
        intake,
        tracer: tracer_provider.tracer_with_scope(scope.clone()),
        scope,
        tracer_provider,
        logger_provider,
        project_id: settings.project_id.clone(),
        filter: settings.filter.clone(),
        disabled: settings.disabled,
        panic_hook: settings.panic_hook,
        hosts: settings.hosts.clone(),
        trust_forwarded: settings.trust_forwarded,
        timeout: settings.shutdown_timeout,
    }))
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
