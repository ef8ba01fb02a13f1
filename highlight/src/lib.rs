//! Errors, panics, logs, traces and metrics of a Rust service, sent to [highlight.io](https://highlight.io) or to any OpenTelemetry
//! endpoint, each tied to the browser session of the user it happened to.
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let _highlight = highlight::Config::new("1jdkoe52")
//!         .service_name("checkout")
//!         .service_version(env!("CARGO_PKG_VERSION"))
//!         .init()?;
//!     tracing::info!(cart = "c-17", total = 12.5, "paid");
//!     if let Err(error) = std::fs::read("/no/such/file") {
//!         highlight::capture_error(&error);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`Config::init`] starts one worker thread and returns a [`Guard`]. From then on `tracing`'s spans become OpenTelemetry spans
//! and its events log records; an event at level ERROR with a field named `error` becomes an error; a panic becomes an error;
//! and [`capture_error`] reports an error where it is handled. The thread that logs leaves a note of what is new
//! in the record, in a bounded buffer; the worker writes the record, without secrets, compresses and sends.
//!
//! [`record_metric`] and its siblings aggregate measurements, and send them once a minute; [`counter`] and the like give handles.
//!
//! The session comes in with a request, through `highlight-axum` or another adapter, and travels in the OpenTelemetry context:
//! into nested spans, across `.await`, and into every task that is spawned with a span (`tokio::spawn(job.in_current_span())`
//! or `.instrument(span)`). A bare `tokio::spawn` starts with neither span nor session: give it both with [`in_current_context`].
//! To other services it goes with [`propagation`]: in outgoing requests, and in the messages of a queue.
//!
//! # What is sent
//!
//! | from | becomes |
//! |---|---|
//! | `tracing` span | span, with its fields as attributes |
//! | `tracing` event | log record with message, fields, code location, thread, trace, span and session |
//! | event at ERROR with `error`, `err` or `exception` | the same record with `exception.type`, `.message`, `.chain`, `.stacktrace`: an error |
//! | [`capture_error`], panic | span `highlight.error` with an `exception` event, sent at once and whatever the sampling |
//! | error or panic of a request's handler | `exception` event on the request's server span |
//! | [`record_metric`], [`record_count`], [`record_histogram`], ... | data points, one per set of tags and interval; counters and histograms as deltas |
//! | request through an adapter | `http.server.request.duration`, `http.server.active_requests` |
//! | OpenTelemetry API | spans, log records and metrics, through [`otel`] |
//!
//! Fields named `level`, `severity`, `message`, `environment`, `URL` or `Source` are sent as `attr.level` and so on, since
//! highlight.io takes those names for itself. Booleans are sent as text, since it drops them.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `anyhow` | | [`capture_anyhow`] and `.capture()` for `anyhow`'s errors, with their own backtraces |
//! | `eyre` | | [`capture_eyre`] and `.capture()` for `eyre`'s reports |
//! | `process-metrics` | no | processor time, memory, threads and open files of the process, on Linux |
//! | `reqwest` | | [`propagation::ReqwestMiddleware`]: a client span for each request of `reqwest`, and the session with it |
//! | `tls` | yes | `https` endpoints: rustls with ring and the system's certificates, or Mozilla's where there are none |
//! | `tokio-metrics` | no | workers, tasks and queue length of the tokio runtime that `init` is called in |

#[cfg(feature = "anyhow")]
mod anyhow;
mod capture;
mod config;
mod context;
mod diagnostics;
mod error;
mod export;
#[cfg(feature = "eyre")]
mod eyre;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod handle;
mod hook;
pub mod http;
mod ids;
mod install;
mod layer;
mod metrics;
pub mod otel;
mod owner;
mod panic;
mod project_id;
pub mod propagation;
mod recording;
mod result_ext;
mod sampling;
mod scope;
mod scrub;
mod session;
mod stacktrace;
pub mod testing;

#[cfg(feature = "anyhow")]
pub use anyhow::{AnyhowExt, capture_anyhow};
pub use capture::ErrorReport;
pub use config::{Config, StackFormat};
pub use error::{Error, FlushError};
pub use export::log_record::{Location, LogRecord, Severity};
pub use export::stats::{DropReason, Signal, Stats};
#[cfg(feature = "eyre")]
pub use eyre::{EyreExt, capture_eyre};
pub use guard::Guard;
pub use handle::{
    Highlight, capture, capture_error, capture_error_with_session, capture_message, flush,
    project_id, shutdown, span, stats,
};
pub use hook::Record;
pub use metrics::record::{
    record_count, record_histogram, record_incr, record_metric, record_up_down_counter,
};
pub use metrics::{
    Counter, Gauge, Histogram, MetricSession, UpDownCounter, counter, gauge, histogram,
    up_down_counter,
};
pub use propagation::in_current_context;
pub use result_ext::{ResultExt, capture_join};
pub use sampling::Kind;
pub use scope::{User, set_tag, set_user, with_scope};
pub use session::{SESSION_HEADER, Session, with_session};
