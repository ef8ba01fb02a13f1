//! Where the OpenTelemetry SDK hands over: finished spans, and log records made with the logs API.

use std::ops::Deref;
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
use super::note::Values;
use super::packed::Packed;
use super::pending::{Moment, Pending};
use super::site::Site;
use super::stats::Signal;
use super::worker::is_worker;
use super::{scratch, span, thread_name};
use crate::capture::{Draft, ErrorReport};
use crate::context::{Ambient, Correlation};
use crate::hook::{self, Hooks};
use crate::http::Names;
use crate::scrub::Scrub;
use tracing::Metadata;

/// What has to be known of a span that has ended before it is written.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) scope: &'a InstrumentationScope,
    /// The call site that its noted attributes are of.
    pub(crate) site: Option<&'static Metadata<'static>>,
    /// It lacks no stacks.
    pub(crate) is_whole: bool,
}

/// What is to be written of a span, with its call site.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    Note(Option<u16>),
    Record(Option<&'a Site>),
}

/// The records' way into the buffer, shared by all that makes records.
///
/// What was installed for the process cannot be taken out again: after a further `init` it finds the new buffer through here.
#[derive(Debug, Clone)]
pub(crate) struct Intake(Arc<Way>);

/// What every record passes lies together: at a pace nothing of it is in the processor's caches.
#[derive(Debug)]
pub(crate) struct Way {
    successor: OnceLock<Intake>,
    buffer: Arc<Buffer>,
    /// Nobody wants to see errors before they are sent.
    no_error_hooks: bool,
    style: Style,
    server_names: OnceLock<Names>,
}

impl Deref for Intake {
    type Target = Way;

    fn deref(&self) -> &Way {
        &self.0
    }
}

impl Intake {
    pub(crate) fn new(buffer: Arc<Buffer>, style: Style) -> Self {
        let hooks = &style.hooks;
        Intake(Arc::new(Way {
            successor: OnceLock::new(),
            buffer,
            no_error_hooks: hooks.error.is_none() && hooks.span.is_none(),
            style,
            server_names: OnceLock::new(),
        }))
    }

    /// From here on `next` gets the records.
    pub(crate) fn hand_over(&self, next: Intake) {
        let _ = self.successor.set(next);
    }

    /// Whether no further `init` has replaced it.
    #[inline]
    pub(crate) fn is_latest(&self) -> bool {
        self.successor.get().is_none()
    }

    #[inline]
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

    /// Takes a span of ours that has ended: `write` writes its note, or its record where it is wanted here, and gives back the stacks
    /// that it lacks.
    #[inline]
    pub(crate) fn finished(
        &self,
        span: &Finished<'_>,
        write: impl FnOnce(&mut Vec<u8>, Form<'_>, &Scrub) -> Vec<Gap>,
    ) {
        let intake = self.latest();
        let style = &intake.style;
        let of_site = |site: Option<&Site>| {
            let can_be_noted = site.is_none_or(|site| site.noted_as.is_some());
            if span.is_whole && can_be_noted && style.hooks.span.is_none() {
                scratch::with(|buf| {
                    let form = Form::Note(site.and_then(|site| site.noted_as));
                    write(buf, form, &style.scrub);
                    intake.buffer.push_note(Signal::Traces, buf);
                });
            } else {
                let write =
                    |buf: &mut Vec<u8>, scrub: &Scrub| write(buf, Form::Record(site), scrub);
                intake.finished_span(span.scope, write);
            }
        };
        match span.site {
            None => of_site(None),
            Some(site) => {
                let sites = &intake.buffer.sites;
                sites.with(site, &style.scrub, |site| of_site(Some(site)));
            }
        }
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
        draft: &Draft,
        correlation: Correlation,
    ) {
        let intake = self.latest();
        match Packed::of(draft).filter(|_| intake.no_error_hooks) {
            Some(packed) => intake.buffer.push_packed(&packed, Moment::now(correlation)),
            None => intake.error(scope, draft.into(), correlation),
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
        let sites = &intake.buffer.sites;
        sites.with(metadata, scrub, |site| work(site, scrub))
    }

    /// Takes an event of `tracing`: by a note, which `note` writes, where that says it all, and
    /// otherwise by the record that `log` writes.
    #[inline]
    pub(crate) fn event(
        &self,
        metadata: &'static Metadata<'static>,
        correlation: &Correlation,
        note: impl FnOnce(&Site, &mut Values<'_>) -> bool,
        log: impl FnOnce(&Site),
    ) {
        let intake = self.latest();
        let style = &intake.style;
        let sites = &intake.buffer.sites;
        sites.with(metadata, &style.scrub, |site| {
            let Some(index) = site.noted_as.filter(|_| style.takes_notes()) else {
                return log(site);
            };
            let noted = scratch::with(|buf| {
                let now = log_record::unix_nanos(SystemTime::now());
                let ambient = |buf: &mut Vec<u8>| {
                    log_record::write_ambient(buf, &correlation.ambient, &style.scrub);
                    thread_name::write(buf);
                };
                let trace = correlation.trace();
                let says_it_all = note(site, &mut Values::of_log(buf, index, now, trace, ambient));
                if says_it_all {
                    intake.buffer.push_note(Signal::Logs, buf);
                }
                says_it_all
            });
            if !noted {
                log(site);
            }
        });
    }

    /// Shows the names of a server span's attributes.
    pub(crate) fn with_server_names<T>(&self, work: impl FnOnce(&Names, &Scrub) -> T) -> T {
        let intake = self.latest();
        let scrub = &intake.style.scrub;
        work(intake.server_names.get_or_init(|| Names::new(scrub)), scrub)
    }

    #[inline]
    pub(crate) fn with_scrub<T>(&self, work: impl FnOnce(&Scrub) -> T) -> T {
        work(&self.latest().style.scrub)
    }

    /// Takes a log record of our own scope.
    pub(crate) fn log(
        &self,
        scope: &InstrumentationScope,
        opening: Opening<'_>,
        correlation: &Correlation,
        write: impl FnOnce(&mut LogRecord<'_>),
    ) {
        let now = SystemTime::now();
        let push = |buffer: &Buffer, record: &[u8]| {
            buffer.push_whole(log_record::unix_nanos(now), record);
        };
        self.written_log(scope, opening, now, correlation, write, push);
    }

    fn written_log(
        &self,
        scope: &InstrumentationScope,
        opening: Opening<'_>,
        time: SystemTime,
        correlation: &Correlation,
        write: impl FnOnce(&mut LogRecord<'_>),
        push: impl FnOnce(&Buffer, &[u8]),
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
                None => push(&intake.buffer, buf),
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
        if let Some(scope) = ambient.used_scope() {
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
        let write = |record: &mut LogRecord<'_>| {
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
        };
        let push = |buffer: &Buffer, record: &[u8]| buffer.push(Signal::Logs, scope, record);
        self.written_log(scope, opening, time, &correlation, write, push);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.refuse_or_ok()
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.refuse_or_ok()
    }
}
