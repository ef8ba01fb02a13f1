//! Everything that can go wrong in setting up and in delivering, as types.

use std::time::Duration;

/// Why the SDK could not be set up.
///
/// The application goes on working without telemetry: whether that is acceptable is its own decision.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no project id.
    #[error("no project id: pass one to Config::new or set HIGHLIGHT_PROJECT_ID")]
    MissingProjectId,
    /// The project id has neither of the two forms.
    #[error(
        "the project id {given:?} is malformed: use the id shown in the project's settings, such as \"1jdkoe52\", or a decimal number"
    )]
    MalformedProjectId {
        /// What was given.
        given: String,
    },
    /// A setting has a value that cannot be used.
    #[error("{setting} cannot be {given:?}: {reason}")]
    InvalidSetting {
        /// The builder method or the environment variable.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What would be right.
        reason: String,
    },
    /// A `tracing` subscriber is installed already, and a process has only one.
    #[error(
        "a tracing subscriber is already installed: call Config::own_subscriber() and add highlight.layer() to your registry"
    )]
    SubscriberAlreadySet,
    /// [`Config::init`](crate::Config::init) was called before in this process, and there was no shutdown since.
    #[error(
        "highlight is already initialised: use the guard or the free functions of the first init"
    )]
    AlreadyInitialised,
    /// The worker thread could not be started.
    #[error("the worker thread could not be started: raise the limit of threads or memory")]
    Worker(#[source] std::io::Error),
}

/// Why not everything that was queued has arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The endpoint refused records for good, or the shutdown's time ran out. See [`stats`](crate::Highlight::stats).
    #[error("{records} records were lost: see stats() for the reasons")]
    Lost {
        /// How many.
        records: u64,
    },
    /// The endpoint did not take everything in time. What is left is still queued, unless this was a shutdown.
    #[error("not everything was delivered within {after:?}")]
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// A callback of an observable metric did not return in time, so what was measured last is lost.
    #[error(
        "metrics were not collected: a callback of an observable metric did not return in time"
    )]
    Unfinished,
    /// The SDK was shut down before, or is not running.
    #[error("the SDK is not running")]
    Stopped,
}
