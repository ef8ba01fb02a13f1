//! A request of actix-web's as the SDK wants to see it.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::Version;

pub(crate) struct View<'a> {
    request: &'a ServiceRequest,
    route: Option<String>,
}

impl<'a> View<'a> {
    pub(crate) fn of(request: &'a ServiceRequest) -> Self {
        View {
            request,
            route: request.match_pattern(),
        }
    }
}

impl highlight::http::Request for View<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.request.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.request.uri().query()
    }

    fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    fn scheme(&self) -> &str {
        // Not `connection_info`, which believes whatever a client says it forwards.
        let own = if self.request.app_config().secure() {
            "https"
        } else {
            "http"
        };
        self.request.uri().scheme_str().unwrap_or(own)
    }

    fn version(&self) -> &'static str {
        match self.request.version() {
            Version::HTTP_09 => "0.9",
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            Version::HTTP_3 => "3",
            _ => "1.1",
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(self.request.peer_addr()?.ip())
    }

    fn each_header<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in self.request.headers() {
            see(name.as_str(), value.as_bytes());
        }
    }

    fn authority(&self) -> Option<&str> {
        Some(self.request.uri().authority()?.as_str())
    }
}
