//! The headers that matter, found in one pass over the request's.

use opentelemetry::propagation::Extractor;

use super::Request;
use crate::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE};
use crate::session::SESSION_HEADER;

/// The limit of the W3C's baggage; the other headers have smaller ones.
pub(crate) const MAX_BAGGAGE_BYTES: usize = 8_192;

/// Of each the first that is text.
#[derive(Debug, Default)]
pub(crate) struct Headers<'a> {
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
    baggage: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    /// HTTP/2 may split cookies over several.
    pub(super) cookies: Vec<&'a str>,
    pub(super) host: Option<&'a str>,
    pub(super) user_agent: Option<&'a str>,
    pub(super) forwarded: Option<&'a str>,
    pub(super) forwarded_for: Option<&'a str>,
    pub(super) forwarded_proto: Option<&'a str>,
    pub(super) forwarded_host: Option<&'a str>,
}

impl<'a> Headers<'a> {
    #[inline]
    pub(crate) fn of(request: &'a impl Request) -> Self {
        let mut headers = Headers::default();
        request.each_header(&mut |name, value| {
            let slot = match name {
                "host" => &mut headers.host,
                "cookie" => {
                    headers.cookies.extend(text(value));
                    return;
                }
                "user-agent" => &mut headers.user_agent,
                SESSION_HEADER => &mut headers.session,
                TRACEPARENT => &mut headers.traceparent,
                TRACESTATE => &mut headers.tracestate,
                BAGGAGE => &mut headers.baggage,
                "forwarded" => &mut headers.forwarded,
                "x-forwarded-for" => &mut headers.forwarded_for,
                "x-forwarded-proto" => &mut headers.forwarded_proto,
                "x-forwarded-host" => &mut headers.forwarded_host,
                _ => return,
            };
            if slot.is_none() {
                *slot = text(value);
            }
        });
        headers
    }

    /// Whether there is anything for OpenTelemetry's propagators: they read no other header without these.
    pub(super) fn name_a_caller(&self) -> bool {
        self.traceparent.is_some() || self.baggage.is_some()
    }
}

/// A header may have any bytes; ours are visible characters, spaces and tabs.
fn text(value: &[u8]) -> Option<&str> {
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    // All of it, without a look at each: the compiler makes vector instructions of it.
    let all = value.iter().fold(true, |all, byte| all & is_text(*byte));
    all.then(|| str::from_utf8(value)).and_then(Result::ok)
}

/// What OpenTelemetry's propagators ask for, by name.
impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = match key {
            TRACEPARENT => self.traceparent,
            TRACESTATE => self.tracestate,
            BAGGAGE => self.baggage,
            _ => None,
        };
        value.filter(|value| value.len() <= MAX_BAGGAGE_BYTES)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn the_first_that_is_text_counts() {
        let long = "a".repeat(MAX_BAGGAGE_BYTES + 1);
        let given = [
            ("user-agent", "größe"),
            ("user-agent", "curl/8"),
            ("user-agent", "other"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("baggage", &long),
            ("accept", "*/*"),
        ];
        let fake = Fake(&given);
        let headers = Headers::of(&fake);
        assert_eq!(headers.user_agent, Some("curl/8"));
        assert_eq!(headers.cookies, ["a=1", "b=2"]);
        assert_eq!(headers.get(BAGGAGE), None);
        assert_eq!(headers.get("accept"), None);
    }
}
