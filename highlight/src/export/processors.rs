//! Where the OpenTelemetry SDK hands over: finished spans, and log records made with the logs API.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::Span as _;
use opentelemetry::{Context, InstrumentationScope, KeyValue, StringValue};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::buffer::Buffer;
use super::deferred::{Deferred, Gap};
use super::log_record::{self, LogRecord, Opening, Severity, Style};
use super::packed::Packed;
use super::pending::Pending;
use super::site::{Site, Sites};
use super::stats::Signal;
use super::worker::is_worker;
use super::{scratch, span};
use crate::capture::{Draft, ErrorReport};
use crate::context::{Ambient, Correlation};
use crate::hook::{self, Hooks};
use crate::http::Names;
use crate::scrub::Scrub;
use tracing::Metadata;

/// The records' way into the buffer, shared by all that makes records.
///
/// What was installed for the process cannot be taken out again: after a further `init` it finds the new buffer through here.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    buffer: Arc<Buffer>,
    style: Arc<Style>,
    sites: Arc<Sites>,
    server_names: Arc<OnceLock<Names>>,
    successor: Arc<OnceLock<Intake>>,
}

impl Intake {
    pub(crate) fn new(buffer: Arc<Buffer>, style: Style) -> Self {
        Intake {
            buffer,
            style: Arc::new(style),
            sites: Arc::new(Sites::new()),
            server_names: Arc::default(),
            successor: Arc::default(),
        }
    }

    /// From here on `next` gets the records.
    pub(crate) fn hand_over(&self, next: Intake) {
        let _ = self.successor.set(next);
    }

    /// Whether no further `init` has replaced it.
    pub(crate) fn is_latest(&self) -> bool {
        self.successor.get().is_none()
    }

    fn latest(&self) -> &Intake {
        let mut intake = self;
        while let Some(next) = intake.successor.get() {
            intake = next;
        }
        intake
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.latest().style.hooks
    }

    pub(crate) fn span(&self, data: &SpanData) {
        self.finished_span(&data.instrumentation_scope, |buf, scrub| {
            span::encode(buf, data, scrub)
        });
    }

    /// Takes the span that `write` writes; what it gives back are the stacks that it lacks.
    pub(crate) fn finished_span(
        &self,
        scope: &InstrumentationScope,
        write: impl FnOnce(&mut Vec<u8>, &Scrub) -> Vec<Gap>,
    ) {
        let intake = self.latest();
        scratch::with(|buf| {
            let gaps = write(buf, &intake.style.scrub);
            if let Some(hook) = &intake.style.hooks.span
                && !hook::apply(hook, span::LAYOUT, buf)
            {
                return intake.buffer.keep_back(Signal::Traces);
            }
            if gaps.is_empty() {
                intake.buffer.push(Signal::Traces, scope, buf);
            } else {
                intake.buffer.push_deferred(Deferred {
                    signal: Signal::Traces,
                    scope: scope.clone(),
                    record: buf.clone(),
                    gaps,
                    held: 0,
                });
            }
        });
    }

    /// Takes an error, which becomes a span of its own.
    pub(crate) fn error(
        &self,
        scope: &InstrumentationScope,
        report: ErrorReport,
        correlation: Correlation,
    ) {
        let intake = self.latest();
        let hooks = &intake.style.hooks;
        let Some(report) = hooks.error(report) else {
            return;
        };
        let pending = Pending::new(report, correlation);
        if hooks.span.is_none() {
            intake.buffer.push_pending(pending);
        } else {
            // The hook is the application's code, which runs on its own threads.
            intake.finished_span(scope, |buf, scrub| vec![pending.write(buf, scrub)]);
        }
    }

    /// Takes an error of which no report was made yet.
    pub(crate) fn draft(
        &self,
        scope: &InstrumentationScope,
        draft: Draft,
        correlation: Correlation,
    ) {
        let hooks = self.hooks();
        if hooks.error.is_none() && hooks.span.is_none() {
            match Packed::new(&draft, correlation) {
                Ok(packed) => self.latest().buffer.push_packed(packed),
                Err(correlation) => self.error(scope, draft.into(), correlation),
            }
        } else {
            self.error(scope, draft.into(), correlation);
        }
    }

    /// Shows what is known of a call site of `tracing`'s macros.
    pub(crate) fn at<T>(
        &self,
        metadata: &'static Metadata<'static>,
        work: impl FnOnce(&Site, &Scrub) -> T,
    ) -> T {
        let intake = self.latest();
        let scrub = &intake.style.scrub;
        intake.sites.with(metadata, scrub, |site| work(site, scrub))
    }

    /// Shows the names of a server span's attributes.
    pub(crate) fn with_server_names<T>(&self, work: impl FnOnce(&Names, &Scrub) -> T) -> T {
        let intake = self.latest();
        let scrub = &intake.style.scrub;
        work(intake.server_names.get_or_init(|| Names::new(scrub)), scrub)
    }

    pub(crate) fn with_scrub<T>(&self, work: impl FnOnce(&Scrub) -> T) -> T {
        work(&self.latest().style.scrub)
    }

    pub(crate) fn log(
        &self,
        scope: &InstrumentationScope,
        opening: Opening<'_>,
        time: SystemTime,
        correlation: &Correlation,
        write: impl FnOnce(&mut LogRecord<'_>),
    ) {
        let intake = self.latest();
        scratch::with(|buf| {
            let mut record = LogRecord::begin(buf, opening, time, correlation, &intake.style);
            write(&mut record);
            let gap = record.finish();
            if intake.style.no_logs && gap.is_none() {
                return;
            }
            if let Some(hook) = &intake.style.hooks.log
                && !hook::apply(hook, log_record::LAYOUT, buf)
            {
                return intake.buffer.keep_back(Signal::Logs);
            }
            match gap {
                None => intake.buffer.push(Signal::Logs, scope, buf),
                Some(gap) => intake.buffer.push_deferred(Deferred {
                    signal: Signal::Logs,
                    scope: scope.clone(),
                    record: buf.clone(),
                    gaps: vec![gap],
                    held: 0,
                }),
            }
        });
    }

    fn refuse_or_ok(&self) -> OTelSdkResult {
        let intake = self.latest();
        if intake.buffer.is_closed() {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        intake.buffer.hurry();
        Ok(())
    }
}

impl SpanProcessor for Intake {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let ambient = Ambient::of(context);
        if let Some(session) = ambient.session() {
            let id = StringValue::from(session.shared_id());
            span.set_attribute(KeyValue::new("highlight.session_id", id));
        }
        if let Some(scope) = ambient.scope() {
            span.set_attributes(scope.attributes());
        }
    }

    fn on_end(&self, data: SpanData) {
        if data.span_context.is_sampled() && !is_worker() {
            self.span(&data);
        }
    }

    /// Makes the worker send what there is. [`Highlight::flush`](crate::Highlight::flush) also waits for it.
    fn force_flush(&self) -> OTelSdkResult {
        self.refuse_or_ok()
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.refuse_or_ok()
    }
}

impl LogProcessor for Intake {
    fn emit(&self, data: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if is_worker() {
            return;
        }
        let severity = data.severity_number().map_or(Severity::Info, |number| {
            Severity::from_number(number as i32)
        });
        let time = data.timestamp().or(data.observed_timestamp());
        let current = Correlation::current();
        let correlation = match data.trace_context() {
            Some(trace) => Correlation {
                trace_id: trace.trace_id,
                span_id: trace.span_id,
                flags: trace.trace_flags.unwrap_or_default(),
                ..current
            },
            None => current,
        };
        let time = time.unwrap_or_else(SystemTime::now);
        let opening = Opening::Severity(severity);
        self.log(scope, opening, time, &correlation, |record| {
            if let Some(body) = data.body() {
                record.any_body(body);
            }
            if let Some(name) = data.event_name() {
                record.event_name(name);
            }
            if let Some(target) = data.target() {
                record.text("code.namespace", target);
            }
            for (key, value) in data.attributes_iter() {
                record.any(key.as_str(), value);
            }
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.refuse_or_ok()
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.refuse_or_ok()
    }
}
