//! One HTTP exchange as a server span: what every framework adapter shares.
//!
//! An adapter shows its request through [`Request`], starts an [`Exchange`], [runs](Exchange::run) the handling inside it and
//! [finishes](Exchange::finish) it. An exchange that is dropped before is one whose client hung up. Names follow the semantic
//! conventions for HTTP server spans (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>).

mod address;
mod describe;
mod ending;
#[cfg(any(test, fuzzing))]
pub(crate) mod fake;
mod forwarded;
mod headers;
pub(crate) mod metrics;
mod names;
mod opened;
mod origin;
mod route;
mod session;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Status, TraceContextExt as _};

use crate::capture::{EXCEPTION, ErrorReport};
use crate::context::Correlation;
use crate::handle::Highlight;
use crate::ids;
use crate::layer::request::RequestSpan;
use crate::recording::{Noting, SpanAttributes};
use crate::stacktrace::RawStack;
use describe::{Seen, describe};
pub(crate) use describe::{host_and_port, known_method};
pub use ending::Ending;
use forwarded::Forwarded;
pub(crate) use headers::{Headers, MAX_BAGGAGE_BYTES};
use metrics::HttpMetrics;
pub(crate) use names::{FIELDS, Field, Names};
use opened::Opened;
pub(crate) use origin::origin;
use route::Route;
pub(crate) use route::Routes;
pub(crate) use session::carried;

/// A framework's request, as far as its server span is concerned.
pub trait Request {
    /// `GET`, `POST`, ...
    fn method(&self) -> &str;
    /// The path, without the query.
    fn path(&self) -> &str;
    /// What follows the question mark.
    fn query(&self) -> Option<&str>;
    /// The template of the route that matched, such as `/pay/{id}`.
    fn route(&self) -> Option<&str>;
    /// `http` or `https`.
    fn scheme(&self) -> &str;
    /// The protocol's version: `1.0`, `1.1`, `2` or `3`.
    fn version(&self) -> &'static str;
    /// The address of the connection's other end.
    fn peer(&self) -> Option<IpAddr>;
    /// Shows each header: its name, in lower case, and its value, in the order in which they came.
    fn each_header<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a [u8]));
    /// The host and port in the request's target, which HTTP/2 has in the place of a `Host` header.
    fn authority(&self) -> Option<&str> {
        None
    }
}

/// A request being handled. Dropped without [`finish`](Exchange::finish), it ends as cancelled.
///
/// In a box, since frameworks move futures about, and with them what these hold.
#[derive(Debug)]
#[must_use = "an exchange that is dropped ends as cancelled"]
pub struct Exchange(Box<Open>);

#[derive(Debug)]
struct Open {
    highlight: Highlight,
    span: Opened,
    metrics: HttpMetrics,
    started: Instant,
    failed: bool,
    finished: bool,
}

/// Whether a response has no body, whatever its handler says: servers do not ask for one then. `is_head` is for the answer to
/// a `HEAD` request.
///
/// # Examples
///
/// ```
/// use highlight::http::has_no_body;
///
/// assert!(has_no_body(false, 204) && has_no_body(true, 200));
/// assert!(!has_no_body(false, 200));
/// ```
#[must_use]
pub fn has_no_body(is_head: bool, status: u16) -> bool {
    is_head || matches!(status, 100..=199 | 204 | 304)
}

/// The handling panicked; the panic is on the span. The client is owed a 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

impl Highlight {
    fn route(&self, request: &impl Request, method: Option<&'static str>) -> Arc<Route> {
        let client = &self.0;
        let make = |key| {
            let intake = &client.intake;
            intake.with_server_names(|names, scrub| Route::new(key, names, scrub))
        };
        if client.intake.is_latest() {
            client.routes.of(request, method, make)
        } else {
            // What is remembered here may have been made under other rules.
            Routes::anew(request, method, make)
        }
    }
}

impl Exchange {
    /// Starts the server span of `request`, below the caller's span and on behalf of the browser's session when the request's
    /// headers name them. Malformed headers are ignored.
    pub fn start(highlight: Highlight, request: &impl Request) -> Self {
        let headers = Headers::of(request);
        let (parent, ambient, trace_id) = origin(&headers);
        let method = known_method(request.method());
        let route = highlight.route(request, method);
        let started = Instant::now();
        let fill = |attributes: &mut SpanAttributes| {
            let forwarded = if highlight.0.trust_forwarded {
                Forwarded::of(&headers)
            } else {
                Forwarded::default()
            };
            let scheme = forwarded.scheme.unwrap_or(request.scheme());
            let (of_route, scheme) = route.attributes(scheme);
            attributes.append(of_route);
            let seen = Seen {
                request,
                is_known: method.is_some(),
                scheme,
                headers: &headers,
                forwarded,
            };
            attributes.note_request(|noting| describe(&seen, noting));
        };
        let open = || Opened::new(&highlight, &route, parent, ambient, fill);
        let span = ids::adopting(trace_id, open);
        Exchange(Box::new(Open {
            metrics: HttpMetrics::start(&highlight, route),
            highlight,
            span,
            started,
            failed: false,
            finished: false,
        }))
    }

    /// Runs a step of the handling, such as one poll of its future, inside the span and the session.
    ///
    /// # Errors
    ///
    /// The step panicked: the panic was recorded on the span, once, with the stack of the place where it happened.
    #[inline]
    pub fn run<T>(&mut self, step: impl FnOnce() -> T) -> Result<T, Panicked> {
        let mut step = Some(step);
        let mut result = None;
        self.0.run(&mut || result = step.take().map(|step| step()));
        result.ok_or(Panicked)
    }

    /// Records the error that ended the handling: an `exception` event on the server span, or a report of its own when the
    /// trace is sampled out.
    pub fn record(&mut self, report: &ErrorReport) {
        self.0.record(report);
    }

    /// Ends the span with the response's status code. A 5xx makes it a failed one; `error` is the handler's, when there is one,
    /// and counts as an error from 500 on.
    pub fn finish(mut self, status: u16, error: Option<&ErrorReport>) {
        self.0.finish(status, error);
    }
}

impl Open {
    /// Runs a step inside. One that does not come to its end has panicked, and that is recorded.
    fn run(&mut self, step: &mut dyn FnMut()) {
        let (result, panics) = {
            let _inside = self.span.enter();
            crate::panic::catch(step)
        };
        if result.is_err() || !panics.is_empty() {
            self.panicked(result.err(), &panics);
        }
    }

    /// The last panic ended the step, where there is a message; somebody inside caught the others, which were not the request's end.
    #[cold]
    fn panicked(&mut self, message: Option<String>, panics: &[ErrorReport]) {
        let (last, caught) = match (message, panics.split_last()) {
            (None, _) => (None, panics),
            (Some(_), Some((last, caught))) => (Some(last.clone()), caught),
            (Some(message), None) => {
                let report = ErrorReport::panic(message, RawStack::default(), Vec::new());
                (Some(report), panics)
            }
        };
        if let Some(span) = self.span.get() {
            for report in caught {
                let correlation = Correlation::of(&span.context);
                self.highlight.capture_for(report.clone(), &correlation);
            }
        }
        if let Some(report) = last {
            self.record(&report);
        }
    }

    #[cold]
    fn record(&mut self, report: &ErrorReport) {
        self.failed = true;
        self.metrics.fail(report.type_name());
        let Some(RequestSpan {
            context, ambient, ..
        }) = self.span.get()
        else {
            return;
        };
        let span = context.span();
        if !span.span_context().is_sampled() {
            let correlation = Correlation::of(context);
            self.highlight.capture_for(report.clone(), &correlation);
            return;
        }
        let Some(report) = self.highlight.0.intake.hooks().error(report.clone()) else {
            return;
        };
        span.add_event(EXCEPTION, report.event_attributes(ambient.used_scope()));
        span.set_attribute(KeyValue::new("error.type", report.type_name().to_owned()));
        span.set_status(Status::error(report.message().to_owned()));
    }

    fn finish(&mut self, status: u16, error: Option<&ErrorReport>) {
        match error {
            Some(report) if status >= 500 => self.record(report),
            Some(report) => self.note(report),
            None => {}
        }
        let failed_now = status >= 500 && !self.failed;
        self.end(Some(status), |noting| {
            noting.int(Field::Status, i64::from(status));
            if failed_now {
                noting.text(Field::ErrorType, &status.to_string());
            }
            failed_now.then_some("")
        });
    }

    /// The client's own mistake, told by the handler: worth a note, not an error.
    #[cold]
    fn note(&self, report: &ErrorReport) {
        let Some(RequestSpan { recording, .. }) = self.span.get() else {
            return;
        };
        recording.add(|attributes, _| {
            attributes.note_request(|noting| {
                noting.text(Field::ErrorType, report.type_name());
                noting.text(Field::ErrorMessage, report.message());
            });
        });
    }

    /// Ends the OpenTelemetry span now: a task spawned inside may hold the `tracing` span for much longer. `last` adds the last
    /// attributes, and says what made it a failed one. There is no `status` where the client hung up.
    fn end(
        &mut self,
        status: Option<u16>,
        last: impl FnOnce(&mut Noting<'_>) -> Option<&'static str>,
    ) {
        self.finished = true;
        let took = self.started.elapsed();
        let Some(span) = self.span.get() else {
            return;
        };
        self.metrics.end(&self.highlight, span, took, status);
        span.recording.finish_after(took, |draft, scrub| {
            let mut failure = None;
            let note = |noting: &mut Noting<'_>| failure = last(noting);
            draft.attributes.note_request(note);
            if let Some(scope) = span.ambient.used_scope() {
                // What the handler learnt of its user after the span had begun.
                draft.attributes.push_tags(scope, scrub);
            }
            if let Some(failure) = failure {
                draft.settle(Status::error(failure));
            }
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.finished {
            self.end(None, |noting| {
                noting.text(Field::ErrorType, "cancelled");
                Some("the client hung up")
            });
        }
        self.span.close();
    }
}
