//! An `http` request as the SDK wants to see it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath};
use http::{Request, Version};

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

    fn version(&self) -> &'static str {
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

    fn each_header<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in self.0.headers() {
            see(name.as_str(), value.as_bytes());
        }
    }

    fn authority(&self) -> Option<&str> {
        Some(self.0.uri().authority()?.as_str())
    }
}
