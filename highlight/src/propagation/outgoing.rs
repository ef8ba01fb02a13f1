//! An outgoing HTTP request as a client span, by the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>).

use std::error::Error;
use std::future::Future;

use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};

use super::{Headers, current, inject_context};
use crate::capture::ErrorReport;
use crate::handle::Highlight;
use crate::http::{host_and_port, known_method};
use crate::recording::{Recording, Title};

/// A request to another service, from before it is sent until its answer begins. Dropped without [`finish`](Outgoing::finish) or
/// [`fail`](Outgoing::fail), it ends as cancelled.
///
/// A failure is noted on the span. It is no error report: that is for whoever handles the error to decide.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use highlight::propagation::Outgoing;
///
/// let sent = highlight::testing::capture(|| {
///     let outgoing = Outgoing::start("POST", "https://bank.example/charges?dry=1");
///     let mut headers = HashMap::new();
///     outgoing.inject(&mut headers);
///     assert!(headers.contains_key("traceparent"));
///     // ... send it with these headers ...
///     outgoing.finish(402);
/// });
/// let span = &sent.spans()[0];
/// assert_eq!(span.text(), "POST");
/// assert_eq!(span.attribute("server.address"), Some("bank.example"));
/// assert_eq!(span.attribute("error.type"), Some("402"));
/// ```
#[derive(Debug)]
#[must_use = "an outgoing request that is dropped ends as cancelled"]
pub struct Outgoing {
    context: Context,
    /// Whether the span is ours to end: not without an SDK.
    is_open: bool,
    is_allowed: bool,
}

impl Outgoing {
    /// Opens the span below the current one; `url` is absolute.
    pub fn start(method: &str, url: &str) -> Self {
        match Highlight::current() {
            Some(highlight) => Outgoing::through(&highlight, method, url),
            None => Outgoing::plain(true),
        }
    }

    /// [`start`](Outgoing::start) through this handle instead of the installed one.
    pub fn through(highlight: &Highlight, method: &str, url: &str) -> Self {
        let target = Target::of(url);
        let is_allowed = highlight.0.hosts.allow(target.host.unwrap_or_default());
        if highlight.is_silent() {
            return Outgoing::plain(is_allowed);
        }
        let known = known_method(method);
        let title = Title {
            name: known.unwrap_or("HTTP").into(),
            kind: SpanKind::Client,
        };
        let span = Recording::new(highlight, title, current());
        span.add(|attributes, scrub| {
            for attribute in target.attributes(method, known) {
                attributes.push(&attribute, scrub);
            }
        });
        Outgoing {
            context: span.begin_alone(),
            is_open: true,
            is_allowed,
        }
    }

    fn plain(is_allowed: bool) -> Self {
        Outgoing {
            context: current(),
            is_open: false,
            is_allowed,
        }
    }

    /// Writes trace and session into the request's headers, when [`Config::propagate_to`](crate::Config::propagate_to) allows
    /// its host. Baggage that is there stays.
    pub fn inject(&self, headers: &mut impl Headers) {
        if self.is_allowed {
            inject_context(&self.context, headers);
        }
    }

    /// Sends the request inside the span and ends it with the answer, whose status code `status` tells.
    ///
    /// # Errors
    ///
    /// Those of `call`.
    pub async fn send<T, E: Error>(
        self,
        call: impl Future<Output = Result<T, E>>,
        status: impl FnOnce(&T) -> u16,
    ) -> Result<T, E> {
        let result = call.with_context(self.context.clone()).await;
        match &result {
            Ok(answer) => self.finish(status(answer)),
            Err(error) => self.fail(error),
        }
        result
    }

    /// Ends the span with the answer's status code. From 400 on it is a failed one.
    pub fn finish(mut self, status: u16) {
        if self.is_open {
            let code = KeyValue::new("http.response.status_code", i64::from(status));
            self.context.span().set_attribute(code);
        }
        if status >= 400 {
            self.end_failed(status.to_string(), "");
        } else {
            self.end();
        }
    }

    /// Ends the span of a request that got no answer.
    pub fn fail<E: Error + ?Sized>(mut self, error: &E) {
        let report = ErrorReport::new(error);
        self.end_failed(report.type_name().to_owned(), report.message());
    }

    fn end_failed(&mut self, error_type: String, message: &str) {
        if self.is_open {
            let span = self.context.span();
            span.set_attribute(KeyValue::new("error.type", error_type));
            span.set_status(Status::error(message.to_owned()));
        }
        self.end();
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.context.span().end();
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.is_open {
            self.end_failed("cancelled".to_owned(), "nobody waited for the answer");
        }
    }
}

/// What an absolute URL says of where a request goes. No more than that is parsed: the client that sends it does the rest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Target<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u16>,
    /// From the path on, without the fragment.
    rest: &'a str,
    authority: &'a str,
}

impl<'a> Target<'a> {
    fn of(url: &'a str) -> Self {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Target::default();
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        // Credentials are nobody's business.
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = host_and_port(authority);
        let default = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Target {
            scheme: Some(scheme),
            host,
            port: port.or(default),
            rest,
            authority,
        }
    }

    fn attributes(&self, method: &str, known: Option<&'static str>) -> Vec<KeyValue> {
        let mut attributes = vec![KeyValue::new(
            "http.request.method",
            known.unwrap_or("_OTHER"),
        )];
        let mut text =
            |key: &'static str, value: String| attributes.push(KeyValue::new(key, value));
        if known.is_none() {
            text("http.request.method_original", method.to_owned());
        }
        if let Some(scheme) = self.scheme {
            text("url.scheme", scheme.to_owned());
            text(
                "url.full",
                format!("{scheme}://{}{}", self.authority, self.rest),
            );
        }
        if let Some(host) = self.host {
            text("server.address", host.to_owned());
        }
        if let Some(port) = self.port {
            attributes.push(KeyValue::new("server.port", i64::from(port)));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, scheme, host, port, authority, rest) in [
            ("http://a.example", "http", "a.example", 80, "a.example", ""),
            (
                "https://a.example/x?y=1#z",
                "https",
                "a.example",
                443,
                "a.example",
                "/x?y=1",
            ),
            (
                "https://u:p@a.example:8443/x",
                "https",
                "a.example",
                8443,
                "a.example:8443",
                "/x",
            ),
            (
                "http://u@evil@[::1]:81?q",
                "http",
                "::1",
                81,
                "[::1]:81",
                "?q",
            ),
            (
                "http://a.example\\@b.example/",
                "http",
                "a.example",
                80,
                "a.example",
                "\\@b.example/",
            ),
        ] {
            let expected = Target {
                scheme: Some(scheme),
                host: Some(host),
                port: Some(port),
                rest,
                authority,
            };
            assert_eq!(Target::of(url), expected, "{url}");
        }
        for url in ["", "/path", "a.example", "mailto:x@y"] {
            assert_eq!(Target::of(url), Target::default(), "{url}");
        }
    }
}
