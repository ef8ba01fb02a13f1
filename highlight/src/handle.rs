//! The handle: what an application does with the SDK while it runs.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::capture::{Draft, ErrorReport};
use crate::context::Correlation;
use crate::error::FlushError;
use crate::export::Exporter;
use crate::export::log_record::{LogRecord, Opening, Severity};
use crate::export::processors::Intake;
use crate::export::stats::Stats;
use crate::export::worker::is_worker;
use crate::http::Routes;
use crate::metrics::provider::MeterProvider;
use crate::metrics::record::Metrics;
use crate::owner::Owner;
use crate::propagation::Hosts;
use crate::sampling::Sampling;
use crate::session::Session;

/// The handles that `init` installed, each after the shutdown of the one before; the last one counts. References to them are
/// given away for ever, so none is removed.
static INSTALLED: OnceLock<Installed> = OnceLock::new();

struct Installed {
    handle: Highlight,
    next: OnceLock<Box<Installed>>,
}

thread_local! {
    static OVERRIDE: RefCell<Option<Highlight>> = const { RefCell::new(None) };
}

/// A running SDK. Cheap to clone, usable from any thread, with or without an async runtime.
#[derive(Debug, Clone)]
pub struct Highlight(pub(crate) Arc<Client>);

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) exporter: Exporter,
    pub(crate) intake: Intake,
    pub(crate) scope: InstrumentationScope,
    pub(crate) owner: Owner,
    pub(crate) sampling: Sampling,
    pub(crate) tracer_provider: SdkTracerProvider,
    pub(crate) logger_provider: SdkLoggerProvider,
    pub(crate) meter_provider: MeterProvider,
    pub(crate) metrics: Metrics,
    pub(crate) routes: Routes,
    pub(crate) project_id: String,
    pub(crate) filter: String,
    pub(crate) disabled: bool,
    pub(crate) hosts: Hosts,
    pub(crate) trust_forwarded: bool,
    pub(crate) timeout: Duration,
}

impl Highlight {
    /// The handle that [`Config::init`](crate::Config::init) installed for this process, lately if it did several times.
    #[must_use]
    pub fn installed() -> Option<&'static Highlight> {
        let mut last = INSTALLED.get()?;
        while let Some(next) = last.next.get() {
            last = next;
        }
        Some(&last.handle)
    }

    /// The handle that the free functions use: the installed one, or inside [`testing::capture`](crate::testing::capture) the one that
    /// captures.
    #[must_use]
    pub fn current() -> Option<Highlight> {
        let captured = OVERRIDE.try_with(|current| current.borrow().clone());
        captured
            .ok()
            .flatten()
            .or_else(|| Highlight::installed().cloned())
    }

    /// True for clones of one handle.
    pub(crate) fn is_same(&self, other: &Highlight) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Runs `work` with this handle in the place of the installed one, on this thread.
    pub(crate) fn as_current<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Highlight>);
        impl Drop for Restore {
            fn drop(&mut self) {
                OVERRIDE.set(self.0.take());
            }
        }
        let _restore = Restore(OVERRIDE.replace(Some(self.clone())));
        work()
    }

    /// Makes this the installed handle. Callers are one after the other.
    pub(crate) fn install(self) {
        let mut own = Installed {
            handle: self,
            next: OnceLock::new(),
        };
        let mut last = match INSTALLED.set(own) {
            Ok(()) => return,
            Err(back) => {
                own = back;
                INSTALLED.get()
            }
        };
        let mut own = Box::new(own);
        while let Some(at) = last {
            match at.next.set(own) {
                Ok(()) => return,
                Err(back) => own = back,
            }
            last = at.next.get().map(Box::as_ref);
        }
    }

    /// False once it was shut down; one that is disabled runs for ever.
    pub(crate) fn is_running(&self) -> bool {
        self.0.disabled || !self.0.exporter.buffer.is_closed()
    }

    /// Reports an error with its type, message, causes and the stack of this call, tied to the current span and session. It is
    /// sent at once, whatever the sampling.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn pay() -> Result<(), std::io::Error> { Err(std::io::Error::other("card declined")) }
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// if let Err(error) = pay() {
    ///     highlight.capture_error(&error);
    /// }
    /// # assert_eq!(highlight.stats().queued(highlight::Signal::Traces), 1);
    /// ```
    #[inline(never)]
    pub fn capture_error<E: StdError + ?Sized>(&self, error: &E) {
        if !self.is_silent() {
            let mut draft = Draft::blank();
            draft.fill(error);
            let scope = &self.0.scope;
            self.0.intake.draft(scope, &draft, Correlation::current());
        }
    }

    /// [`capture_error`](Self::capture_error) on behalf of a session other than the current one.
    #[inline(never)]
    pub fn capture_error_with_session<E: StdError + ?Sized>(&self, error: &E, session: &Session) {
        let correlation = Correlation::current().with_session(Some(session.clone()));
        self.capture_for(ErrorReport::new(error), &correlation);
    }

    /// Sends a report that was made before, tied to the current span and session.
    pub fn capture(&self, report: ErrorReport) {
        if !self.is_silent() {
            let scope = &self.0.scope;
            self.0.intake.error(scope, report, Correlation::current());
        }
    }

    pub(crate) fn capture_for(&self, report: ErrorReport, correlation: &Correlation) {
        if !self.is_silent() {
            let scope = &self.0.scope;
            self.0.intake.error(scope, report, correlation.clone());
        }
    }

    /// Reports what is no error of Rust's: a log record with `message`, and from [`Severity::Error`] on an error with the stack
    /// of this call.
    #[inline(never)]
    pub fn capture_message(&self, message: &str, severity: Severity) {
        let report = (severity >= Severity::Error).then(|| {
            let report = ErrorReport::from_text(message);
            report.with_type_name("message")
        });
        self.log(severity, |record| {
            record.body(message);
            if let Some(report) = report {
                record.error(report);
            }
        });
    }

    /// Records a log, tied to the current span and session. For bridges from other logging crates; applications use
    /// `tracing`'s macros.
    ///
    /// # Examples
    ///
    /// ```
    /// use highlight::Severity;
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// highlight.log(Severity::Info, |record| {
    ///     record.body("paid").double("total", 12.5).text("cart", "c-17");
    /// });
    /// # assert_eq!(highlight.stats().queued(highlight::Signal::Logs), 1);
    /// ```
    pub fn log(&self, severity: Severity, write: impl FnOnce(&mut LogRecord<'_>)) {
        let opening = Opening::Severity(severity);
        self.log_for(opening, &Correlation::current(), write);
    }

    pub(crate) fn log_for(
        &self,
        opening: Opening<'_>,
        correlation: &Correlation,
        write: impl FnOnce(&mut LogRecord<'_>),
    ) {
        if !self.is_silent() {
            let Client { intake, scope, .. } = &*self.0;
            intake.log(scope, opening, correlation, write);
        }
    }

    /// A span with a name known only at run time; enter it, or instrument a future with it. Where the name is known,
    /// `tracing`'s macros do more.
    #[must_use]
    pub fn span(&self, name: &str) -> tracing::Span {
        tracing::info_span!("span", otel.name = name)
    }

    /// The project that everything is sent to; empty when the SDK is disabled.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.0.project_id
    }

    /// False when `OTEL_SDK_DISABLED` turned everything off.
    #[must_use]
    #[inline]
    pub fn is_enabled(&self) -> bool {
        !self.0.disabled
    }

    /// What happened to every record so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.exporter.stats()
    }

    /// The `tracing` layer: spans become OpenTelemetry spans, events become log records and errors. It brings the filter of
    /// [`Config::filter`](crate::Config::filter), which other layers do not see.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    /// # fn main() -> Result<(), highlight::Error> {
    /// let highlight = highlight::Config::new("1jdkoe52").own_subscriber().init()?;
    /// tracing_subscriber::registry()
    ///     .with(highlight.layer())
    ///     .with(tracing_subscriber::filter::LevelFilter::WARN)
    ///     .init();
    /// # Ok(()) }
    /// ```
    #[must_use = "a layer does nothing until it is added to a registry"]
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        crate::layer::layer(self)
    }

    /// A `tracing` subscriber under this handle's [`Config::filter`](crate::Config::filter), for a thread or a task of its own:
    /// that which [`Config::init`](crate::Config::init) installs. It has no other layers, and spans cost it less than a registry with
    /// the [`layer`](Self::layer).
    ///
    /// # Examples
    ///
    /// ```
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// tracing::dispatcher::with_default(&highlight.subscriber(), || {
    ///     tracing::info_span!("job").in_scope(|| tracing::info!("done"));
    /// });
    /// # assert_eq!(highlight.stats().queued(highlight::Signal::Traces), 1);
    /// # assert_eq!(highlight.stats().queued(highlight::Signal::Logs), 1);
    /// ```
    #[must_use = "a subscriber does nothing until it is set"]
    pub fn subscriber(&self) -> tracing::Dispatch {
        crate::layer::subscriber(self)
    }

    /// Waits until all that was recorded and measured so far was delivered, is in the spool, or was lost, for
    /// [`shutdown_timeout`](crate::Config::shutdown_timeout) at the most. Blocks the thread.
    ///
    /// # Errors
    ///
    /// Something was not delivered: [`FlushError::Lost`] says how much was refused for good, [`FlushError::TimedOut`] that the
    /// rest is still queued, and [`FlushError::Stopped`] that there was a shutdown before. Callbacks of observable metrics take part
    /// in that time: a shutdown that they outlast is [`FlushError::Unfinished`].
    pub fn flush(&self) -> Result<(), FlushError> {
        if self.0.disabled {
            return Ok(());
        }
        self.0.exporter.flush(self.0.timeout)
    }

    /// Delivers what is queued and stops, within [`shutdown_timeout`](crate::Config::shutdown_timeout). With a spool, what cannot
    /// be delivered goes there. What is recorded afterwards is dropped and counted. Blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush); what was not delivered in time is lost.
    pub fn shutdown(&self) -> Result<(), FlushError> {
        if self.0.disabled {
            return Ok(());
        }
        self.0.exporter.shutdown(self.0.timeout)
    }

    /// True where nothing is to be recorded: on the worker's own threads, or everywhere when disabled.
    #[inline]
    pub(crate) fn is_silent(&self) -> bool {
        self.0.disabled || is_worker()
    }
}

/// [`Highlight::capture_error`] on the installed handle; nothing when there is none.
#[inline(never)]
pub fn capture_error<E: StdError + ?Sized>(error: &E) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture_error(error);
    }
}

/// [`Highlight::capture_error_with_session`] on the installed handle; nothing when there is none.
#[inline(never)]
pub fn capture_error_with_session<E: StdError + ?Sized>(error: &E, session: &Session) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture_error_with_session(error, session);
    }
}

/// [`Highlight::capture`] on the installed handle; nothing when there is none.
pub fn capture(report: ErrorReport) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture(report);
    }
}

/// [`Highlight::capture_message`] on the installed handle; nothing when there is none.
#[inline(never)]
pub fn capture_message(message: &str, severity: Severity) {
    if let Some(highlight) = Highlight::current() {
        highlight.capture_message(message, severity);
    }
}

/// [`Highlight::span`], which needs no handle.
#[must_use]
pub fn span(name: &str) -> tracing::Span {
    tracing::info_span!("span", otel.name = name)
}

/// [`Highlight::project_id`] of the installed handle.
#[must_use]
pub fn project_id() -> Option<&'static str> {
    Highlight::installed().map(Highlight::project_id)
}

/// [`Highlight::flush`] on the installed handle.
///
/// # Errors
///
/// The same, and [`FlushError::Stopped`] when there is none.
pub fn flush() -> Result<(), FlushError> {
    Highlight::current().map_or(Err(FlushError::Stopped), |highlight| highlight.flush())
}

/// [`Highlight::shutdown`] on the installed handle.
///
/// # Errors
///
/// The same, and [`FlushError::Stopped`] when there is none.
pub fn shutdown() -> Result<(), FlushError> {
    Highlight::current().map_or(Err(FlushError::Stopped), |highlight| highlight.shutdown())
}

/// [`Highlight::stats`] of the installed handle; all zero when there is none.
#[must_use]
pub fn stats() -> Stats {
    Highlight::current()
        .map(|highlight| highlight.stats())
        .unwrap_or_default()
}
