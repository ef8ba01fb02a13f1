//! A request's attributes on its server span.

use super::Request;
use super::forwarded::Forwarded;
use crate::export::proto::Scalar;

/// The methods of the semantic conventions; any other is sent as `_OTHER`.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

pub(crate) fn known_method(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

pub(super) fn describe(
    request: &impl Request,
    method: Option<&str>,
    forwarded: &Forwarded<'_>,
    set: &mut dyn FnMut(&'static str, Scalar<'_>),
) {
    let mut text = |key: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            set(key, Scalar::Str(value));
        }
    };
    text("http.request.method", Some(method.unwrap_or("_OTHER")));
    if method.is_none() {
        text("http.request.method_original", Some(request.method()));
    }
    text("http.route", request.route());
    text(
        "url.scheme",
        Some(forwarded.scheme.unwrap_or(request.scheme())),
    );
    text("url.path", Some(request.path()));
    text("url.query", request.query());
    text("network.protocol.version", Some(request.version()));
    text("user_agent.original", request.header("user-agent"));
    let host = forwarded.host.or_else(|| request.header("host"));
    let (host, port) = host.map(host_and_port).unwrap_or_default();
    text("server.address", host);
    let peer = request.peer();
    let client = forwarded.client.or(peer).map(|client| client.to_string());
    text("client.address", client.as_deref());
    let peer = peer.map(|peer| peer.to_string());
    text("network.peer.address", peer.as_deref());
    if let Some(port) = port {
        set("server.port", Scalar::Int(i64::from(port)));
    }
}

/// `shop.example:8080`, `[::1]:8080`, or either without a port.
pub(crate) fn host_and_port(host: &str) -> (Option<&str>, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
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
            ("x:notaport", (Some("x"), None)),
        ] {
            assert_eq!(host_and_port(host), parts, "{host:?}");
        }
    }
}
