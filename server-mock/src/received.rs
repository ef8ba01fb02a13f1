//! What a server has received, kept for tests to look at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::watch;

use crate::rows::{Attributes, ErrorRow, LogRow, MetricRow, SpanRow};

/// How long [`MockServer::wait_for`](crate::MockServer::wait_for) waits.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How many rows of a kind the short rendering shows.
const SHOWN: usize = 20;

/// Everything a server has received so far.
///
/// Rows and raw requests are those of requests that were acknowledged; `requests` tells of all.
/// Its `Display` is a short rendering for failure messages.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Received {
    /// Rows of table `logs`.
    pub logs: Vec<LogRow>,
    /// Rows of table `traces`.
    pub spans: Vec<SpanRow>,
    /// Rows of table `errors`.
    pub errors: Vec<ErrorRow>,
    /// Rows of tables `metrics_sum`, `metrics_histogram` and `metrics_summary`.
    pub metrics: Vec<MetricRow>,
    /// Bodies with `" <"` in them, which the real backend would store without their beginning.
    pub cut_bodies: usize,
    /// Every request with OTLP or of a log drain, in the order in which it was answered or given up.
    pub requests: Vec<RequestInfo>,
    /// The acknowledged requests on `/v1/logs`, decoded only.
    pub raw_logs: Vec<ExportLogsServiceRequest>,
    /// The acknowledged requests on `/v1/traces`, decoded only.
    pub raw_traces: Vec<ExportTraceServiceRequest>,
    /// The acknowledged requests on `/v1/metrics`, decoded only.
    pub raw_metrics: Vec<ExportMetricsServiceRequest>,
}

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The path, such as `/v1/logs`.
    pub path: String,
    /// The headers by lower-case name; several of one name are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The size of the body on the wire, in bytes.
    pub wire_bytes: usize,
    /// The size of the body after decompression, in bytes.
    pub decoded_bytes: usize,
    /// The status it was answered with; 0 when it was not answered.
    pub status: u16,
    /// How many log records, spans or data points it carried.
    pub records: usize,
    /// The attributes of its first resource, flattened, with the keys that the rows consume; those of a log drain have none.
    pub resource: Attributes,
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            logs,
            spans,
            errors,
            metrics,
            requests,
            ..
        } = self;
        section(f, "requests", requests, |f, request| {
            write!(
                f,
                "{} {} with {} records",
                request.status, request.path, request.records
            )
        })?;
        section(f, "logs", logs, |f, log| {
            write!(
                f,
                "{} {:?} {:?}",
                log.severity_text, log.body, log.attributes
            )
        })?;
        section(f, "spans", spans, |f, span| {
            write!(
                f,
                "{:?} {} {} {:?}",
                span.name, span.kind, span.status_code, span.attributes
            )
        })?;
        section(f, "errors", errors, |f, error| {
            write!(f, "{}: {:?}", error.error_type, error.message)
        })?;
        section(f, "metrics", metrics, |f, metric| {
            write!(
                f,
                "{} {:?} {:?}",
                metric.name, metric.value, metric.attributes
            )
        })
    }
}

fn section<T>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    items: &[T],
    line: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    writeln!(f, "{} {name}", items.len())?;
    for item in items.iter().take(SHOWN) {
        f.write_str("  ")?;
        line(f, item)?;
        f.write_str("\n")?;
    }
    if items.len() > SHOWN {
        writeln!(f, "  and {} more", items.len() - SHOWN)
    } else {
        Ok(())
    }
}

/// The shared place where requests are recorded and waited for.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Snapshots are cheap: recording copies only while someone holds one.
    received: Mutex<Arc<Received>>,
    changed: Condvar,
    version: watch::Sender<u64>,
    /// Whether rows and raw requests are kept; a server that runs for long must not.
    keep: bool,
}

impl Recorder {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            received: Mutex::default(),
            changed: Condvar::new(),
            version: watch::Sender::new(0),
            keep,
        }
    }

    pub(crate) fn keeps(&self) -> bool {
        self.keep
    }

    pub(crate) fn record(&self, add: impl FnOnce(&mut Received)) {
        if !self.keep {
            return;
        }
        add(Arc::make_mut(
            &mut self.received.lock().unwrap_or_else(PoisonError::into_inner),
        ));
        self.changed.notify_all();
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn snapshot(&self) -> Arc<Received> {
        Arc::clone(&self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first snapshot that `wanted` likes, or else the last one at the deadline.
    pub(crate) async fn wait_for(
        &self,
        wanted: impl Fn(&Received) -> bool,
    ) -> Result<Arc<Received>, Arc<Received>> {
        let mut version = self.version.subscribe();
        let found = async {
            loop {
                version.mark_unchanged();
                let snapshot = self.snapshot();
                if wanted(&snapshot) || version.changed().await.is_err() {
                    return snapshot;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found)
            .await
            .map_err(|_| self.snapshot())
    }

    /// As [`Self::wait_for`], without a runtime.
    pub(crate) fn wait_for_blocking(
        &self,
        wanted: impl Fn(&Received) -> bool,
    ) -> Result<Arc<Received>, Arc<Received>> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let snapshot = self.snapshot();
            if wanted(&snapshot) {
                return Ok(snapshot);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(snapshot);
            }
            let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&received, &snapshot) {
                drop(snapshot);
                drop(self.changed.wait_timeout(received, left));
            }
        }
    }
}
