//! An `http` request as the SDK wants to see it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath};
use http::{Request, Version, header};

pub(crate) struct View<'a, B>(pub(crate) &'a Request<B>);

impl<B> highlight::http::Request for View<'_, B> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn path(&self) -> &str {
        self.0.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn route(&self) -> Option<&str> {
        Some(self.0.extensions().get::<MatchedPath>()?.as_str())
    }

    fn scheme(&self) -> &str {
        self.0.uri().scheme_str().unwrap_or("http")
    }

    fn version(&self) -> &str {
        match self.0.version() {
            Version::HTTP_09 => "0.9",
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            Version::HTTP_3 => "3",
            _ => "1.1",
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        let ConnectInfo(address) = self.0.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip())
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.0.headers().get(name);
        // HTTP/2 carries the host in the URI.
        let authority = || {
            let authority = self.0.uri().authority()?;
            (name == header::HOST.as_str()).then_some(authority.as_str())
        };
        value
            .and_then(|value| value.to_str().ok())
            .or_else(authority)
    }
    fn each_header(&self, name: &str, see: &mut dyn FnMut(&str)) {
        let values = self.0.headers().get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).for_each(see);
    }
}
