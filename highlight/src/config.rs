//! The settings: what code says, what the environment says, what is the default.

mod control;
mod env;
mod network;
mod resource;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::guard::Guard;
use crate::hook::Hooks;
use crate::metrics::MetricSession;
use crate::sampling::Sampling;
pub(crate) use settings::Settings;

/// How the stack of an error is written into `exception.stacktrace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StackFormat {
    /// The form that highlight.io's backend can take apart into frames.
    #[default]
    Parseable,
    /// The form of `std::backtrace`, for other OpenTelemetry backends.
    Native,
}

/// The settings of the SDK. What is set here wins over the environment, which wins over the default.
///
/// | method | environment | default |
/// |---|---|---|
/// | [`new`](Config::new) | `HIGHLIGHT_PROJECT_ID` | required |
/// | [`endpoint`](Config::endpoint) | `HIGHLIGHT_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT` | `https://otel.highlight.io:4318` |
/// | [`service_name`](Config::service_name) | `HIGHLIGHT_SERVICE_NAME`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the executable's name |
/// | [`service_version`](Config::service_version) | `HIGHLIGHT_SERVICE_VERSION`, `OTEL_RESOURCE_ATTRIBUTES` | none |
/// | [`environment`](Config::environment) | `HIGHLIGHT_ENVIRONMENT`, `OTEL_RESOURCE_ATTRIBUTES` | none |
/// | [`header`](Config::header) | `OTEL_EXPORTER_OTLP_HEADERS` | none |
/// | [`resource_attribute`](Config::resource_attribute) | `OTEL_RESOURCE_ATTRIBUTES` | host, process and SDK |
/// | [`filter`](Config::filter) | `RUST_LOG` | `info` |
/// | [`batch_delay`](Config::batch_delay) | `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BLRP_SCHEDULE_DELAY` (ms) | 1 s |
/// | [`metric_interval`](Config::metric_interval) | `OTEL_METRIC_EXPORT_INTERVAL` (ms) | 60 s |
/// | [`metric_session`](Config::metric_session) | | [`MetricSession::Exemplar`] |
/// | [`sdk_metrics`](Config::sdk_metrics) | | off |
/// | [`http_metrics`](Config::http_metrics) | | on |
/// | [`byte_budget`](Config::byte_budget) | | 64 MiB |
/// | [`request_bytes`](Config::request_bytes) | | 4 MiB |
/// | [`export_timeout`](Config::export_timeout) | `OTEL_EXPORTER_OTLP_TIMEOUT` (ms) | 10 s |
/// | [`shutdown_timeout`](Config::shutdown_timeout) | | 5 s |
/// | [`spool_dir`](Config::spool_dir) | `HIGHLIGHT_SPOOL_DIR` | none |
/// | [`spool_bytes`](Config::spool_bytes) | | 512 MiB |
/// | [`panic_hook`](Config::panic_hook) | | on |
/// | [`source_context`](Config::source_context) | | on in debug builds |
/// | [`markup_guard`](Config::markup_guard) | | on |
/// | [`stack_format`](Config::stack_format) | | [`StackFormat::Parseable`] |
/// | [`traces`](Config::traces), [`logs`](Config::logs), [`metrics`](Config::metrics) | `OTEL_TRACES_EXPORTER`, `OTEL_LOGS_EXPORTER`, `OTEL_METRICS_EXPORTER` (`none` or `otlp`) | on |
/// | [`sample_rate`](Config::sample_rate), [`sample_kind`](Config::sample_kind), [`sample_name`](Config::sample_name) | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | all, parent-based |
/// | [`redaction`](Config::redaction), [`redact_field`](Config::redact_field) | | on |
/// | [`breadcrumbs`](Config::breadcrumbs) | | none |
/// | [`before_log`](Config::before_log), [`before_span`](Config::before_span), [`before_metric`](Config::before_metric), [`before_error`](Config::before_error) | | none |
/// | [`propagate_to`](Config::propagate_to) | | all hosts |
/// | [`trust_forwarded`](Config::trust_forwarded) | | off |
/// | | `OTEL_SDK_DISABLED=true` | everything is off, and every call a no-op |
///
/// # Examples
///
/// ```no_run
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let _highlight = highlight::Config::new("1jdkoe52")
///         .service_name("checkout")
///         .service_version(env!("CARGO_PKG_VERSION"))
///         .environment("production")
///         .init()?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[must_use = "a configuration does nothing until `init` is called"]
pub struct Config {
    pub(crate) project_id: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) service_name: Option<String>,
    pub(crate) service_version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) resource_attributes: Vec<(String, String)>,
    pub(crate) filter: Option<String>,
    pub(crate) own_subscriber: bool,
    pub(crate) no_panic_hook: bool,
    pub(crate) source_context: Option<bool>,
    pub(crate) no_markup_guard: bool,
    pub(crate) stack_format: StackFormat,
    pub(crate) batch_delay: Option<Duration>,
    pub(crate) metric_interval: Option<Duration>,
    pub(crate) metric_session: MetricSession,
    pub(crate) http_metrics: Option<bool>,
    pub(crate) byte_budget: Option<usize>,
    pub(crate) request_bytes: Option<usize>,
    pub(crate) export_timeout: Option<Duration>,
    pub(crate) shutdown_timeout: Option<Duration>,
    pub(crate) traces: Option<bool>,
    pub(crate) logs: Option<bool>,
    pub(crate) metrics: Option<bool>,
    pub(crate) sdk_metrics: bool,
    pub(crate) sampling: Sampling,
    pub(crate) no_redaction: bool,
    pub(crate) redacted_fields: Vec<String>,
    pub(crate) breadcrumbs: usize,
    pub(crate) hooks: Hooks,
    pub(crate) spool_dir: Option<PathBuf>,
    pub(crate) spool_bytes: Option<u64>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) trust_forwarded: bool,
}

impl Config {
    /// Settings for a project, whose id is shown in highlight.io's settings: text such as `1jdkoe52`, or a decimal number.
    pub fn new(project_id: impl Into<String>) -> Self {
        Config {
            project_id: Some(project_id.into()),
            ..Config::default()
        }
    }

    /// Settings from the environment alone.
    pub fn from_env() -> Self {
        Config::default()
    }

    /// The base URL of an OTLP/HTTP endpoint: `http` or `https`, with a path if it has one; `/v1/traces`, `/v1/logs` and
    /// `/v1/metrics` are added to it.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// What the service is called, `service.name`.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The service's version, `service.version`. highlight.io links to the source when it is the git commit.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = Some(version.into());
        self
    }

    /// Where it runs, such as `production`: sent as `deployment.environment.name` and `deployment.environment`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// A header for every request to the endpoint, such as an API key.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// An attribute of everything this process sends.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource_attributes.push((key.into(), value.into()));
        self
    }

    /// What is captured: directives as in `RUST_LOG`, such as `info,sqlx=warn,shop::cart=debug`.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// Leaves the `tracing` subscriber to the application, which adds [`Highlight::layer`](crate::Highlight::layer) to its own
    /// registry.
    pub fn own_subscriber(mut self) -> Self {
        self.own_subscriber = true;
        self
    }

    /// Whether panics are reported. The hook that was there before still runs.
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.no_panic_hook = !on;
        self
    }

    /// Whether five source lines around each of the application's frames are sent, where the source is readable.
    pub fn source_context(mut self, on: bool) -> Self {
        self.source_context = Some(on);
        self
    }

    /// Whether a space before `<` in a log's text is sent as a no-break space. highlight.io takes what follows `" <"` for
    /// markup and loses the text before it.
    pub fn markup_guard(mut self, on: bool) -> Self {
        self.no_markup_guard = !on;
        self
    }

    /// How stacks are written.
    pub fn stack_format(mut self, format: StackFormat) -> Self {
        self.stack_format = format;
        self
    }

    /// How long the first record of a batch may wait for company. Errors wait for 5 ms at most, or for 50 ms while they come one after
    /// another.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.batch_delay = Some(delay);
        self
    }

    /// How long measurements are gathered before they are sent. Flush and shutdown send them at once; where nothing was measured
    /// nothing is sent.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.metric_interval = Some(interval);
        self
    }

    /// How measurements lead to the session that they were made for.
    pub fn metric_session(mut self, link: MetricSession) -> Self {
        self.metric_session = link;
        self
    }

    /// Whether adapters of web frameworks measure requests: `http.server.request.duration` and `http.server.active_requests`.
    pub fn http_metrics(mut self, on: bool) -> Self {
        self.http_metrics = Some(on);
        self
    }

    /// Memory for records that are not delivered yet, in bytes, over all signals. When it is used up the newest record is
    /// dropped and counted.
    pub fn byte_budget(mut self, bytes: usize) -> Self {
        self.byte_budget = Some(bytes);
        self
    }

    /// The size of a request before compression, in bytes. A single record that is larger is dropped and counted.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = Some(bytes);
        self
    }

    /// For one request, from connecting to the end of the answer. A request that takes longer is tried again.
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.export_timeout = Some(timeout);
        self
    }

    /// How long `flush`, `shutdown` and dropping the guard may take.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// A directory for what memory or the network cannot take. A batch goes there, compressed, once an attempt to send it has
    /// failed, while the endpoint is failing, while more than half of the byte budget is in use, and at shutdown. It is sent when
    /// the endpoint answers again, by this process or, when this one has ended in whatever way, by the next one with the same
    /// directory. Several processes may share it.
    ///
    /// Batches go to the endpoint of the process that sends them, under the project of the process that recorded them. The
    /// directory is made when it is missing; files and directories are readable for their owner only. A directory that cannot be
    /// written is told once on stderr, and telemetry stays in memory.
    pub fn spool_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spool_dir = Some(directory.into());
        self
    }

    /// Disk for this process's files in the spool directory, in bytes. When it is used up the oldest file is removed, and its
    /// records are counted as dropped. A request larger than all of it is stored in parts; a record that is so large alone stays in
    /// memory.
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.spool_bytes = Some(bytes);
        self
    }

    /// Starts the SDK for this process: the exporter's thread, the `tracing` subscriber (unless
    /// [`own_subscriber`](Config::own_subscriber)), OpenTelemetry's global tracer and meter providers and propagator, and the panic hook.
    /// It never panics, needs no async runtime and leaves everything as it was when it fails.
    ///
    /// After a shutdown it may be called again. A process has one `tracing` subscriber for ever, so the filter stays that of the
    /// first time; handles and layers from before record through the new one.
    ///
    /// # Errors
    ///
    /// [`Error::MissingProjectId`], [`Error::MalformedProjectId`] and [`Error::InvalidSetting`] name what is wrong with the
    /// settings; [`Error::SubscriberAlreadySet`] and [`Error::AlreadyInitialised`] tell the way out.
    pub fn init(self) -> Result<Guard, Error> {
        crate::install::init(&Settings::resolve(self, |name| std::env::var(name).ok())?)
    }

    /// Starts the SDK without touching anything global: no subscriber, no panic hook, and the free functions do not see it.
    /// For several services in one process, and for tests.
    ///
    /// # Errors
    ///
    /// The same as [`init`](Config::init), but for those about globals.
    pub fn start(self) -> Result<Guard, Error> {
        crate::install::start(&Settings::resolve(self, |name| std::env::var(name).ok())?)
    }
}
