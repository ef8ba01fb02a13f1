//! What a piece of code sends, for tests of one's own telemetry.
//!
//! [`capture`] runs a closure with an SDK of its own, which keeps everything instead of sending it. Nothing global is touched, so
//! tests run side by side.
//!
//! ```
//! use highlight::testing::capture;
//!
//! let sent = capture(|| {
//!     tracing::info_span!("checkout").in_scope(|| tracing::info!(cart = "c-17", "paid"));
//!     highlight::capture_error(&std::io::Error::other("card declined"));
//! });
//! assert_eq!(sent.logs()[0].text(), "paid");
//! assert_eq!(sent.logs()[0].attribute("cart"), Some("c-17"));
//! assert_eq!(sent.errors()[0].message(), "card declined");
//! assert_eq!(
//!     sent.to_string(),
//!     "log info \"paid\" cart=c-17 in trace#1\n\
//!      span \"checkout\" in trace#1\n\
//!      error std::io::error::Error: \"card declined\"\n"
//! );
//! ```

mod read;

use std::fmt;
use std::future::Future;

use tracing::instrument::WithSubscriber as _;

use crate::config::{Config, Settings};
use crate::handle::Highlight;
use crate::install;

/// Runs `work` and returns what it would have sent, under default settings with everything captured.
///
/// # Panics
///
/// `work` panicked.
pub fn capture(work: impl FnOnce()) -> Captured {
    capture_with(Config::default().filter("trace"), work)
}

/// [`capture`] under settings of one's own: hooks, redaction, sampling. No project id is needed, and the environment is not read.
///
/// # Panics
///
/// The settings are wrong, or `work` panicked.
pub fn capture_with(config: Config, work: impl FnOnce()) -> Captured {
    let highlight = collecting(config);
    let subscriber = highlight.subscriber();
    highlight.as_current(|| tracing::dispatcher::with_default(&subscriber, work));
    collect(&highlight)
}

/// [`capture`] for a future: what it does while it is polled, and what the tasks it polls itself do. A task that it spawns onto another
/// thread has that thread's SDK.
///
/// # Panics
///
/// `work` panicked.
pub async fn capture_async(work: impl Future<Output = ()>) -> Captured {
    let highlight = collecting(Config::default().filter("trace"));
    let mut work = std::pin::pin!(work.with_subscriber(highlight.subscriber()));
    std::future::poll_fn(|cx| highlight.as_current(|| work.as_mut().poll(cx))).await;
    collect(&highlight)
}

fn collecting(mut config: Config) -> Highlight {
    config.project_id.get_or_insert_with(|| "1".to_owned());
    let settings = Settings::resolve(config, |_| None);
    let settings = settings.unwrap_or_else(|error| panic!("{error}"));
    install::collecting(&settings)
}

fn collect(highlight: &Highlight) -> Captured {
    let mut captured = Captured::default();
    for (signal, chunk) in highlight.0.exporter.collect() {
        for records in chunk.groups.iter().flat_map(|group| &group.blocks) {
            captured.read(signal, &records.whole());
        }
    }
    captured
}

/// Everything that was recorded, in the order in which it was.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    logs: Vec<Sent>,
    spans: Vec<Sent>,
    errors: Vec<SentError>,
}

impl Captured {
    /// The log records.
    #[must_use]
    pub fn logs(&self) -> &[Sent] {
        &self.logs
    }

    /// The spans, in the order in which they ended, without those that only carry an error.
    #[must_use]
    pub fn spans(&self) -> &[Sent] {
        &self.spans
    }

    /// The errors, captured, panicked or logged.
    #[must_use]
    pub fn errors(&self) -> &[SentError] {
        &self.errors
    }
}

/// A log record or a span.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    text: String,
    severity: String,
    trace_id: String,
    span_id: String,
    parent_span_id: String,
    attributes: Vec<(String, String)>,
}

impl Sent {
    /// A log's message, or a span's name.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `trace`, `debug`, `info`, `warn`, `error` or `fatal`; empty for a span.
    #[must_use]
    pub fn severity(&self) -> &str {
        &self.severity
    }

    /// 32 hexadecimal digits; empty outside of a trace.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// 16 hexadecimal digits: the span's own id, or that of the span a log was made in.
    #[must_use]
    pub fn span_id(&self) -> &str {
        &self.span_id
    }

    /// 16 hexadecimal digits; empty for a log, and for a span without a parent.
    #[must_use]
    pub fn parent_span_id(&self) -> &str {
        &self.parent_span_id
    }

    /// The session it belongs to.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.attribute("highlight.session_id")
    }

    /// An attribute's value as text.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }
}

/// An error.
#[derive(Debug, Clone, Default)]
pub struct SentError {
    attributes: Vec<(String, String)>,
}

impl SentError {
    /// `exception.type`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.attribute("exception.type").unwrap_or_default()
    }

    /// `exception.message`.
    #[must_use]
    pub fn message(&self) -> &str {
        self.attribute("exception.message").unwrap_or_default()
    }

    /// `exception.stacktrace`.
    #[must_use]
    pub fn stack(&self) -> &str {
        self.attribute("exception.stacktrace").unwrap_or_default()
    }

    /// The session it belongs to.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.attribute("highlight.session_id")
    }

    /// An attribute's value as text.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }
}

fn find<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = attributes.iter().find(|(known, _)| known == name)?;
    Some(value)
}

impl fmt::Display for Captured {
    /// A short rendering that stays the same from run to run: without times, code locations and thread names, and with traces
    /// counted (`trace#1`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut traces: Vec<&str> = Vec::new();
        for (kind, sent) in (self.logs.iter().map(|log| ("log", log)))
            .chain(self.spans.iter().map(|span| ("span", span)))
        {
            write!(f, "{kind} ")?;
            if !sent.severity.is_empty() {
                write!(f, "{} ", sent.severity)?;
            }
            write!(f, "{:?}", sent.text)?;
            for (name, value) in &sent.attributes {
                let told_elsewhere = ["code.", "thread.", "exception."];
                if !told_elsewhere.iter().any(|prefix| name.starts_with(prefix)) {
                    write!(f, " {name}={value}")?;
                }
            }
            if !sent.trace_id.is_empty() {
                let known = traces.iter().position(|trace| *trace == sent.trace_id);
                let number = known.unwrap_or_else(|| {
                    traces.push(&sent.trace_id);
                    traces.len() - 1
                });
                write!(f, " in trace#{}", number + 1)?;
            }
            writeln!(f)?;
        }
        for error in &self.errors {
            writeln!(f, "error {}: {:?}", error.type_name(), error.message())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Session, with_session};

    #[tokio::test]
    async fn a_future_is_captured_across_await() {
        let session = Session::new("abc").unwrap();
        let sent = capture_async(with_session(session, async {
            tracing::info!("before");
            tokio::task::yield_now().await;
            tracing::info!("after");
            crate::capture_error(&std::io::Error::other("no"));
        }))
        .await;
        let texts: Vec<_> = sent.logs().iter().map(Sent::text).collect();
        assert_eq!(texts, ["before", "after"]);
        assert_eq!(sent.logs()[1].session_id(), Some("abc"));
        assert_eq!(sent.errors()[0].session_id(), Some("abc"));
        assert!(sent.errors()[0].stack().contains("testing.rs:"));
        assert!(Highlight::current().is_none());
    }

    #[test]
    fn a_panic_in_the_captured_code_leaves_nothing_behind() {
        let caught = std::panic::catch_unwind(|| capture(|| panic!("in the test")));
        assert!(caught.is_err());
        assert!(Highlight::current().is_none());
    }

    #[test]
    fn settings_apply() {
        let config = Config::default().filter("warn").redact_field("cart");
        let sent = capture_with(config, || {
            tracing::info!("too quiet");
            tracing::error!(cart = "c-17", error = "broken", "loud");
        });
        assert_eq!(
            sent.to_string(),
            "log error \"loud\" cart=[redacted] error.type=Error\nerror Error: \"broken\"\n"
        );
    }
}
