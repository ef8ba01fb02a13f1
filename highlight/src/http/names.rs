//! The names of a server span's attributes.

use crate::export::keyed::Keyed;
use crate::export::span::ATTRIBUTES;
use crate::scrub::Scrub;

/// Those that all requests of a route have in common, encoded once.
#[derive(Debug)]
pub(crate) struct Names {
    pub(super) method: Keyed,
    pub(super) route: Keyed,
    pub(super) version: Keyed,
    pub(super) scheme: Keyed,
}

impl Names {
    pub(crate) fn new(scrub: &Scrub) -> Self {
        let known = |name| Keyed::known(ATTRIBUTES, name, scrub);
        Names {
            method: known("http.request.method"),
            route: known("http.route"),
            version: known("network.protocol.version"),
            scheme: known("url.scheme"),
        }
    }
}

macro_rules! fields {
    ($($field:ident: $name:literal,)*) => {
        /// Those that a request brings, which are noted by their place among them.
        #[derive(Debug, Clone, Copy)]
        #[repr(u8)]
        pub(crate) enum Field {
            $($field,)*
        }

        /// What may be said of a request's span: these, and what `tracing-opentelemetry` made special.
        pub(crate) const FIELDS: &[&str] = &[$($name,)* "otel.name", "otel.kind"];
    };
}

fields! {
    OriginalMethod: "http.request.method_original",
    Scheme: "url.scheme",
    Path: "url.path",
    Query: "url.query",
    UserAgent: "user_agent.original",
    Server: "server.address",
    Port: "server.port",
    Client: "client.address",
    Peer: "network.peer.address",
    Status: "http.response.status_code",
    ErrorType: "error.type",
    ErrorMessage: "error.message",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_of_the_fields_names_a_secret() {
        let scrub = Scrub::default();
        for name in FIELDS {
            assert!(!scrub.hides(name), "{name}");
        }
    }
}
