//! A request's attributes on its server span.

use super::Request;
use super::address::AddressText;
use super::forwarded::Forwarded;
use super::headers::Headers;
use super::names::Field;
use crate::recording::Noting;

/// The methods of the semantic conventions; any other is sent as `_OTHER`.
static METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

#[inline]
pub(crate) fn known_method(method: &str) -> Option<&'static str> {
    METHODS.iter().find(|known| **known == method).copied()
}

/// A request, and how it is seen.
pub(super) struct Seen<'a, R> {
    pub(super) request: &'a R,
    /// Whether the conventions know its method.
    pub(super) is_known: bool,
    /// An unusual one, that its route does not tell.
    pub(super) scheme: Option<&'a str>,
    pub(super) headers: &'a Headers<'a>,
    pub(super) forwarded: Forwarded<'a>,
}

/// Notes what is not the same for all requests of a route.
#[inline]
pub(super) fn describe<R: Request>(seen: &Seen<'_, R>, noting: &mut Noting<'_>) {
    let Seen {
        request, headers, ..
    } = seen;
    let forwarded = &seen.forwarded;
    let mut text = |field, value: Option<&str>| {
        if let Some(value) = value {
            noting.text(field, value);
        }
    };
    if !seen.is_known {
        text(Field::OriginalMethod, Some(request.method()));
    }
    text(Field::Scheme, seen.scheme);
    text(Field::Path, Some(request.path()));
    text(Field::Query, request.query());
    text(Field::UserAgent, headers.user_agent);
    let host = forwarded.host.or(headers.host);
    let host = host.or_else(|| request.authority());
    let (host, port) = host.map(host_and_port).unwrap_or_default();
    text(Field::Server, host);
    let peer = request.peer();
    let peer = peer.map(AddressText::of);
    let client = forwarded.client.map(AddressText::of);
    let peer = peer.as_ref().map(AddressText::as_str);
    let client = client.as_ref().map(AddressText::as_str);
    text(Field::Client, client.or(peer));
    text(Field::Peer, peer);
    if let Some(port) = port {
        noting.int(Field::Port, i64::from(port));
    }
}

/// `shop.example:8080`, `[::1]:8080`, or either without a port.
#[inline]
pub(crate) fn host_and_port(host: &str) -> (Option<&str>, Option<u16>) {
    let mark = host.bytes().rposition(|byte| matches!(byte, b':' | b']'));
    let (name, port) = match mark {
        Some(at) if host.as_bytes()[at] == b':' => (&host[..at], host[at + 1..].parse().ok()),
        _ => (host, None),
    };
    let name = match name.as_bytes() {
        [b'[', ..] | [.., b']'] => name.trim_start_matches('[').trim_end_matches(']'),
        _ => name,
    };
    ((!name.is_empty()).then_some(name), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_is_taken_apart() {
        for (host, parts) in [
            ("shop.example:8080", (Some("shop.example"), Some(8080))),
            ("shop.example", (Some("shop.example"), None)),
            ("[::1]:80", (Some("::1"), Some(80))),
            ("[::1]", (Some("::1"), None)),
            ("", (None, None)),
            ("[::1", (Some(":"), Some(1))),
            ("::1]", (Some("::1"), None)),
            (":80", (None, Some(80))),
            ("x:notaport", (Some("x"), None)),
        ] {
            assert_eq!(host_and_port(host), parts, "{host:?}");
        }
    }
}
