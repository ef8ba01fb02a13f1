//! One log record, written field by field as protobuf.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::deferred::{Gap, Place};
use super::keyed::Keyed;
use super::note::{Note, Trace, Value as Noted};
use super::proto::{self, Scalar};
pub use super::severity::Severity;
use super::site::{Role, Site, SiteField};
use super::text;
use super::{thread_name, value};
use crate::capture::{BREADCRUMBS, ErrorReport};
use crate::context::{Ambient, Correlation};
use crate::hook::{Hooks, Layout};
use crate::scope::Scope;
use crate::scrub::{self, Scrub};

/// Field numbers of `opentelemetry.proto.logs.v1.LogRecord`.
const TIME: u32 = 1;
const SEVERITY_NUMBER: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
pub(crate) const ATTRIBUTES: u32 = 6;
const DROPPED_ATTRIBUTES: u32 = 7;
const FLAGS: u32 = 8;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;
const EVENT_NAME: u32 = 12;

/// OpenTelemetry's default limit; further fields are counted, not sent.
pub(crate) const MAX_ATTRIBUTES: u32 = 128;

/// Where in the code a record was made. Sent as `code.file.path`, `code.line.number` and `code.namespace`, and under the
/// older names `code.filepath` and `code.lineno` that highlight.io shows
/// (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/>).
#[derive(Debug, Clone, Copy, Default)]
pub struct Location<'a> {
    /// What `tracing` and `log` call the target: the module path, unless the caller chose another.
    pub target: &'a str,
    /// The source file.
    pub file: Option<&'a str>,
    /// The line in it, from one.
    pub line: Option<u32>,
}

/// How records are written, by configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    pub(crate) guard_markup: bool,
    pub(crate) scrub: Scrub,
    pub(crate) hooks: Hooks,
    /// Only logs that tell of an error are sent.
    pub(crate) no_logs: bool,
    /// How many recent logs an error brings with it.
    pub(crate) breadcrumbs: usize,
}

impl Style {
    /// True when nothing has to be known of a log but by the worker.
    pub(crate) fn takes_notes(&self) -> bool {
        self.hooks.log.is_none() && !self.no_logs && self.breadcrumbs == 0
    }
}

/// Where a hook finds things.
pub(crate) const LAYOUT: Layout = Layout {
    attributes: ATTRIBUTES,
    text: BODY,
    text_is_any: true,
};

/// Writes the parts of one log record straight into its wire form. Given to the closure of
/// [`Highlight::log`](crate::Highlight::log).
#[derive(Debug)]
pub struct LogRecord<'a> {
    buf: &'a mut Vec<u8>,
    attributes: u32,
    dropped: u32,
    has_body: bool,
    located: bool,
    style: &'a Style,
    severity: Severity,
    scope: Option<Scope>,
    error: Option<ErrorReport>,
}

impl<'a> LogRecord<'a> {
    pub(crate) fn begin(
        buf: &'a mut Vec<u8>,
        opening: Opening<'_>,
        time: SystemTime,
        correlation: &Correlation,
        style: &'a Style,
    ) -> Self {
        let mut record =
            LogRecord::open(buf, opening, unix_nanos(time), correlation.trace(), style);
        write_ambient(record.buf, &correlation.ambient, &style.scrub);
        record.scope = correlation.ambient.scope().cloned();
        record
    }

    /// The record that `note` tells of; its values are still to be written.
    pub(super) fn of_note(
        buf: &'a mut Vec<u8>,
        site: &Site,
        note: &Note<'_>,
        style: &'a Style,
    ) -> Self {
        let opening = Opening::Site(site);
        let record = LogRecord::open(buf, opening, note.time, note.trace, style);
        record.buf.extend_from_slice(note.ambient);
        record
    }

    fn open(
        buf: &'a mut Vec<u8>,
        opening: Opening<'_>,
        time: u64,
        trace: Option<Trace>,
        style: &'a Style,
    ) -> Self {
        // First what its call site's records have in common: by that the compression finds the one that this one is like.
        let (severity, located) = match opening {
            Opening::Severity(severity) => {
                write_severity(buf, severity);
                (severity, false)
            }
            Opening::Site(site) => {
                buf.extend_from_slice(&site.opening);
                (site.severity, site.has_file())
            }
        };
        proto::fixed64_present(buf, TIME, time);
        proto::fixed64_present(buf, OBSERVED_TIME, time);
        if let Some(trace) = trace {
            proto::fixed32_field(buf, FLAGS, u32::from(trace.flags.to_u8()));
            proto::bytes_field(buf, TRACE_ID, &trace.id.to_bytes());
            proto::bytes_field(buf, SPAN_ID, &trace.span.to_bytes());
        }
        LogRecord {
            buf,
            attributes: 0,
            dropped: 0,
            has_body: false,
            located,
            style,
            severity,
            scope: None,
            error: None,
        }
    }

    /// The message. Only the first counts.
    pub fn body(&mut self, text: &(impl Display + ?Sized)) -> &mut Self {
        if !std::mem::replace(&mut self.has_body, true) {
            let start = proto::begin_any_text(self.buf);
            text::format_bounded(self.buf, proto::MAX_BODY_BYTES, text);
            // Neither a secret nor markup is without the one or the other.
            let is_plain = scrub::is_plain(&self.buf[start..]);
            if !is_plain {
                self.style.scrub.clean_tail(self.buf, start);
            }
            self.leave_crumb(start);
            if !is_plain && self.style.guard_markup {
                guard_markup(self.buf, start);
            }
            proto::end_any_text(self.buf, BODY, start);
        }
        self
    }

    /// Where it was made.
    pub fn location(&mut self, location: &Location<'_>) -> &mut Self {
        self.located = location.file.is_some();
        write_location(self.buf, location);
        self
    }

    /// The name of the current thread, when it has one.
    pub fn thread(&mut self) -> &mut Self {
        thread_name::write(self.buf);
        self
    }

    /// A field with a text value. Text beyond 65,536 bytes is cut.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.scalar(name, Scalar::Str(value))
    }

    /// A field with an integer value.
    pub fn int(&mut self, name: &str, value: i64) -> &mut Self {
        self.scalar(name, Scalar::Int(value))
    }

    /// A field with a floating-point value.
    pub fn double(&mut self, name: &str, value: f64) -> &mut Self {
        self.scalar(name, Scalar::Double(value))
    }

    /// A field with a truth value, sent as the text `true` or `false`: highlight.io drops booleans.
    pub fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.scalar(name, Scalar::bool(value))
    }

    /// A field whose value is formatted.
    pub fn display(&mut self, name: &str, value: &(impl Display + ?Sized)) -> &mut Self {
        if self.has_room() {
            value::display_field(self.buf, ATTRIBUTES, name, value, &self.style.scrub);
        }
        self
    }

    /// The error that the record tells of: it becomes an error in highlight.io, with type, message, causes and stack. Only
    /// the first counts.
    pub fn error(&mut self, error: ErrorReport) -> &mut Self {
        if self.error.is_none()
            && let Some(error) = self.style.hooks.error(error)
        {
            if let Some(recent) = self.scope.as_ref().and_then(Scope::recent) {
                let recent = Scalar::Str(&recent);
                proto::key_value(self.buf, ATTRIBUTES, BREADCRUMBS, recent);
            }
            error.write(self.buf, ATTRIBUTES, &self.style.scrub);
            self.error = Some(error);
        }
        self
    }

    /// [`text`](Self::text), [`int`](Self::int) or [`double`](Self::double) with a name that was encoded before.
    #[inline]
    pub(crate) fn keyed(&mut self, keyed: &Keyed, value: Scalar<'_>) {
        if self.has_room() {
            keyed.scalar(self.buf, value, &self.style.scrub);
        }
    }

    /// [`bool`](Self::bool) with a name that was encoded before.
    #[inline]
    pub(crate) fn keyed_bool(&mut self, keyed: &Keyed, value: bool) {
        if self.has_room() {
            keyed.bool(self.buf, value);
        }
    }

    /// [`display`](Self::display) with a name that was encoded before.
    pub(crate) fn keyed_display(&mut self, keyed: &Keyed, value: &(impl Display + ?Sized)) {
        if self.has_room() {
            keyed.display(self.buf, value, &self.style.scrub);
        }
    }

    pub(crate) fn any(&mut self, name: &str, value: &opentelemetry::logs::AnyValue) {
        if self.has_room() {
            value::log_attribute(self.buf, ATTRIBUTES, name, value, &self.style.scrub);
        }
    }

    pub(crate) fn any_body(&mut self, value: &opentelemetry::logs::AnyValue) {
        self.has_body = true;
        value::any_value(self.buf, BODY, value, &self.style.scrub);
    }

    pub(crate) fn event_name(&mut self, name: &str) {
        proto::str_field(self.buf, EVENT_NAME, name);
    }

    /// A value from a note.
    pub(super) fn noted(&mut self, field: &SiteField, value: Noted<'_>) {
        match value {
            Noted::Text(text) if field.role == Role::Message => self.noted_body(text),
            Noted::Text(text) => {
                if self.has_room() {
                    field.keyed.noted_text(self.buf, text, &self.style.scrub);
                }
            }
            Noted::Int(value) => self.keyed(&field.keyed, Scalar::Int(value)),
            Noted::Double(value) => self.keyed(&field.keyed, Scalar::Double(value)),
            Noted::Bool(value) => self.keyed_bool(&field.keyed, value),
            Noted::Encoded(attributes) => self.buf.extend_from_slice(attributes),
        }
    }

    /// [`body`](Self::body) of text from a note, which nothing has to be remembered of.
    fn noted_body(&mut self, text: &[u8]) {
        if self.has_body || text.len() > proto::MAX_BODY_BYTES || !scrub::is_plain(text) {
            if let Ok(text) = str::from_utf8(text) {
                self.body(text);
            }
            return;
        }
        self.has_body = true;
        let start = proto::begin_any_text(self.buf);
        self.buf.extend_from_slice(text);
        proto::end_any_text(self.buf, BODY, start);
    }

    /// Completes the record. An error still lacks its stack: that is the gap.
    pub(crate) fn finish(mut self) -> Option<Gap> {
        proto::uint_field(self.buf, DROPPED_ATTRIBUTES, u64::from(self.dropped));
        let error = self.error.take()?;
        self.body(error.message());
        let place = Place::Record {
            attributes: ATTRIBUTES,
        };
        Some(error.gap(place, &self.style.scrub, self.located))
    }

    fn scalar(&mut self, name: &str, value: Scalar<'_>) -> &mut Self {
        if self.has_room() {
            value::field(self.buf, ATTRIBUTES, name, value, &self.style.scrub);
        }
        self
    }

    /// Remembers the text that was written from `start` on, for an error that may come.
    fn leave_crumb(&self, start: usize) {
        if self.style.breadcrumbs > 0
            && let Some(scope) = &self.scope
            && let Ok(text) = str::from_utf8(&self.buf[start..])
        {
            scope.remember(self.severity, text, self.style.breadcrumbs);
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.attributes < MAX_ATTRIBUTES;
        *(if room {
            &mut self.attributes
        } else {
            &mut self.dropped
        }) += 1;
        room
    }
}

/// What a record begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Opening<'a> {
    /// Its severity; more is to be told.
    Severity(Severity),
    /// What its call site knows.
    Site(&'a Site),
}

/// What all records of a request have: its session and its tags.
pub(super) fn write_ambient(buf: &mut Vec<u8>, ambient: &Ambient, scrub: &Scrub) {
    if let Some(session) = ambient.session() {
        let id = Scalar::Str(session.secure_id());
        proto::key_value(buf, ATTRIBUTES, "highlight.session_id", id);
    }
    if let Some(scope) = ambient.used_scope() {
        scope.each_tag(|key, value| {
            value::field(buf, ATTRIBUTES, key, Scalar::Str(value), scrub);
        });
    }
}

pub(super) fn write_severity(buf: &mut Vec<u8>, severity: Severity) {
    proto::uint_field(buf, SEVERITY_NUMBER, severity.number());
    proto::str_field(buf, SEVERITY_TEXT, severity.text());
}

pub(super) fn write_location(buf: &mut Vec<u8>, location: &Location<'_>) {
    let mut attribute = |name, value| proto::key_value(buf, ATTRIBUTES, name, value);
    attribute("code.namespace", Scalar::Str(location.target));
    if let Some(file) = location.file {
        attribute("code.file.path", Scalar::Str(file));
        attribute("code.filepath", Scalar::Str(file));
    }
    if let Some(line) = location.line {
        let line = Scalar::Int(i64::from(line));
        attribute("code.line.number", line);
        attribute("code.lineno", line);
    }
}

/// Nanoseconds since 1970, zero (unknown) for what does not fit.
#[inline]
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().checked_mul(1_000_000_000);
    seconds
        .and_then(|nanos| nanos.checked_add(u64::from(since.subsec_nanos())))
        .unwrap_or(0)
}

/// Upstream loses all that stands before a `" <"` in a body that does not start with `<`. A no-break space in its place
/// looks the same and keeps the text.
fn guard_markup(buf: &mut Vec<u8>, start: usize) {
    const NO_BREAK_SPACE: &[u8] = "\u{a0}".as_bytes();
    if buf.get(start) == Some(&b'<') {
        return;
    }
    if !buf[start..].windows(2).any(|pair| pair == b" <") {
        return;
    }
    let text = buf.split_off(start);
    for (at, byte) in text.iter().enumerate() {
        if *byte == b' ' && text.get(at + 1) == Some(&b'<') {
            buf.extend_from_slice(NO_BREAK_SPACE);
        } else {
            buf.push(*byte);
        }
    }
}
