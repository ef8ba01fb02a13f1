//! Settings about what is sent: sampling, redaction, hooks, breadcrumbs.

use std::sync::Arc;

use super::Config;
use crate::capture::ErrorReport;
use crate::hook::Record;
use crate::sampling::Kind;

impl Config {
    /// Whether spans are sent. Errors are, whatever is said here.
    pub fn traces(mut self, on: bool) -> Self {
        self.traces = Some(on);
        self
    }

    /// Whether logs are sent. Those that tell of an error are, whatever is said here.
    pub fn logs(mut self, on: bool) -> Self {
        self.logs = Some(on);
        self
    }

    /// Whether metrics are taken and sent.
    pub fn metrics(mut self, on: bool) -> Self {
        self.metrics = Some(on);
        self
    }

    /// The share of traces that is recorded, from 0 to 1. Decided where a trace begins; a trace from another service follows
    /// that one's decision. Errors are sent whatever the sampling, and so are logs.
    pub fn sample_rate(mut self, rate: f64) -> Self {
        self.sampling.rate = Some(rate);
        self
    }

    /// The share for traces that begin with a span of this kind, instead of [`sample_rate`](Config::sample_rate).
    pub fn sample_kind(mut self, kind: Kind, rate: f64) -> Self {
        self.sampling.kinds.push((kind, rate));
        self
    }

    /// The share for traces that begin with a span of this name, instead of the others: for a request, `GET /health`.
    pub fn sample_name(mut self, name: impl Into<String>, rate: f64) -> Self {
        self.sampling.names.push((name.into(), rate));
        self
    }

    /// Whether secrets are replaced by `[redacted]`: the values of fields whose names say so (`password`, `authorization`,
    /// `cookie`, `api_key`, names that end in `token`, ...), and in any text credentials in URLs, bearer tokens, `name=value` where the
    /// name says so, and card numbers.
    pub fn redaction(mut self, on: bool) -> Self {
        self.no_redaction = !on;
        self
    }

    /// A further field whose values are redacted; upper and lower case are the same.
    pub fn redact_field(mut self, name: impl Into<String>) -> Self {
        self.redacted_fields.push(name.into());
        self
    }

    /// How many logs of the same request or [scope](crate::with_scope) an error brings with it, oldest first, as
    /// `highlight.breadcrumbs`. None unless asked for: each log then costs a copy of its text.
    pub fn breadcrumbs(mut self, most: usize) -> Self {
        self.breadcrumbs = most;
        self
    }

    /// Whether the SDK sends its own account as metrics, once an interval: `highlight.sdk.sent`, `highlight.sdk.dropped` and
    /// `highlight.sdk.queued`, in records, by signal, and losses by reason. [`stats`](crate::Highlight::stats) has the same numbers.
    pub fn sdk_metrics(mut self, on: bool) -> Self {
        self.sdk_metrics = on;
        self
    }

    /// A last look at each log record. The hook runs on the thread that logs. What a hook records itself, a log, a span or an error,
    /// is sent too, and not shown to any hook. A record whose hook panics is kept back and counted.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = highlight::Config::new("1jdkoe52").before_log(|record| {
    ///     if record.attribute("code.namespace") == Some("noisy_crate") {
    ///         record.discard();
    ///     }
    /// });
    /// ```
    pub fn before_log(mut self, hook: impl Fn(&mut Record) + Send + Sync + 'static) -> Self {
        self.hooks.log = Some(Arc::new(hook));
        self
    }

    /// A last look at each span, when it ends; otherwise as [`before_log`](Config::before_log).
    pub fn before_span(mut self, hook: impl Fn(&mut Record) + Send + Sync + 'static) -> Self {
        self.hooks.span = Some(Arc::new(hook));
        self
    }

    /// A last look at each metric, when an interval's measurements are sent: its name may be changed, or all of its points be kept
    /// back; attributes set here are the metric's metadata, not its tags. The hook runs on a thread of the SDK.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = highlight::Config::new("1jdkoe52").before_metric(|metric| {
    ///     if metric.text().starts_with("debug.") {
    ///         metric.discard();
    ///     }
    /// });
    /// ```
    pub fn before_metric(mut self, hook: impl Fn(&mut Record) + Send + Sync + 'static) -> Self {
        self.hooks.metric = Some(Arc::new(hook));
        self
    }

    /// A last look at each error, captured, panicked or logged. `None` keeps it back: a log or a server span that tells of it is
    /// sent without it.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = highlight::Config::new("1jdkoe52").before_error(|report| {
    ///     let is_ours = !report.message().contains("connection reset by peer");
    ///     is_ours.then(|| report.with_attribute("team", "checkout"))
    /// });
    /// ```
    pub fn before_error(
        mut self,
        hook: impl Fn(ErrorReport) -> Option<ErrorReport> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.error = Some(Arc::new(hook));
        self
    }
}
