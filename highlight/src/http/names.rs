//! A server span's attributes, their names encoded once.

use crate::export::keyed::Keyed;
use crate::export::span::ATTRIBUTES;
use crate::scrub::Scrub;

macro_rules! names {
    ($($(#[$docs:meta])* $field:ident: $name:literal,)*) => {
        /// By the semantic conventions.
        #[derive(Debug)]
        pub(crate) struct Names {
            $($(#[$docs])* pub(super) $field: Keyed,)*
        }

        impl Names {
            pub(crate) fn new(scrub: &Scrub) -> Self {
                Names { $($field: Keyed::known(ATTRIBUTES, $name, scrub),)* }
            }
        }
    };
}

names! {
    method: "http.request.method",
    original_method: "http.request.method_original",
    route: "http.route",
    scheme: "url.scheme",
    path: "url.path",
    query: "url.query",
    version: "network.protocol.version",
    user_agent: "user_agent.original",
    server: "server.address",
    port: "server.port",
    client: "client.address",
    peer: "network.peer.address",
    status: "http.response.status_code",
    error_type: "error.type",
    error_message: "error.message",
}
