//! What a trusted proxy says of the request it passed on: `Forwarded` (RFC 7239), else `X-Forwarded-For`, `-Proto` and `-Host`.

use std::net::{IpAddr, SocketAddr};

use super::headers::Headers;

/// A header longer than this, in bytes, is not looked at.
const MAX_HEADER_BYTES: usize = 1_024;
/// The longest name in the DNS, and a port.
const MAX_HOST_BYTES: usize = 253 + 6;

/// The first hop's view of the request: the client's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Forwarded<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) scheme: Option<&'static str>,
    pub(super) host: Option<&'a str>,
}

impl<'a> Forwarded<'a> {
    /// Anything malformed is as good as not there.
    pub(super) fn of(headers: &Headers<'a>) -> Self {
        let first = |value: Option<&'a str>| {
            let value = value?;
            (value.len() <= MAX_HEADER_BYTES).then(|| value.split(',').next().unwrap_or(value))
        };
        let standard = first(headers.forwarded).map(element).unwrap_or_default();
        Forwarded {
            client: standard
                .client
                .or_else(|| first(headers.forwarded_for).and_then(address)),
            scheme: standard
                .scheme
                .or_else(|| first(headers.forwarded_proto).and_then(scheme)),
            host: standard
                .host
                .or_else(|| first(headers.forwarded_host).and_then(host)),
        }
    }
}

/// `for="[2001:db8::17]:4711";proto=https;host=shop.example`
fn element(text: &str) -> Forwarded<'_> {
    let mut forwarded = Forwarded::default();
    for pair in text.split(';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = unquoted(value);
        match name.trim() {
            name if name.eq_ignore_ascii_case("for") => forwarded.client = address(value),
            name if name.eq_ignore_ascii_case("proto") => forwarded.scheme = scheme(value),
            name if name.eq_ignore_ascii_case("host") => forwarded.host = host(value),
            _ => {}
        }
    }
    forwarded
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// An address with or without a port; `unknown` and obfuscated names are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']');
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    bracketed().unwrap_or(text).parse().ok().or_else(with_port)
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"]
        .into_iter()
        .find(|known| text.trim().eq_ignore_ascii_case(known))
}

fn host(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (!text.is_empty() && text.len() <= MAX_HOST_BYTES && text.bytes().all(is_host)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fake::Fake;

    #[test]
    fn the_first_hop_is_the_clients() {
        for (headers, client, scheme, host) in [
            (
                &[(
                    "forwarded",
                    "for=192.0.2.60;proto=https;host=shop.example, for=10.0.0.1",
                )][..],
                Some("192.0.2.60"),
                Some("https"),
                Some("shop.example"),
            ),
            (
                &[("forwarded", "For=\"[2001:db8::17]:4711\" ; Proto=HTTP")],
                Some("2001:db8::17"),
                Some("http"),
                None,
            ),
            (
                &[
                    ("x-forwarded-for", "203.0.113.7:51000, 10.0.0.1"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "shop.example:8443"),
                ],
                Some("203.0.113.7"),
                Some("https"),
                Some("shop.example:8443"),
            ),
            (
                &[
                    ("forwarded", "for=unknown"),
                    ("x-forwarded-for", "2001:db8::1"),
                ],
                Some("2001:db8::1"),
                None,
                None,
            ),
        ] {
            let fake = Fake(headers);
            let forwarded = Forwarded::of(&Headers::of(&fake));
            let expected = Forwarded {
                client: client.map(|client| client.parse().unwrap()),
                scheme,
                host,
            };
            assert_eq!(forwarded, expected, "{headers:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_not_there() {
        let long = "1".repeat(2_000);
        for value in [
            "",
            ",",
            ";",
            "=",
            "for",
            "for=",
            "for=\"",
            "for=\"1.2.3.4",
            "for=_hidden",
            "for=1.2.3.4.5",
            "for=[::1",
            "proto=javascript",
            "host=a b",
            "host=<script>",
            "host=\"a,b\"",
            "ü",
            &long,
        ] {
            for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto"] {
                let headers = [(name, value)];
                assert_eq!(
                    Forwarded::of(&Headers::of(&Fake(&headers))),
                    Forwarded::default(),
                    "{name}: {value:?}"
                );
            }
        }
        let host = format!("host={}", "a".repeat(300));
        let headers = [("forwarded", host.as_str())];
        let fake = Fake(&headers);
        assert_eq!(Forwarded::of(&Headers::of(&fake)), Forwarded::default());
    }
}
