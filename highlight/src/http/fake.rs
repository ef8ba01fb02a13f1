//! A request of nothing but headers, for tests and fuzzing.

use std::net::IpAddr;

use super::Request;

/// Names in lower case, and values.
#[derive(Debug)]
pub(crate) struct Fake<'a>(pub(crate) &'a [(&'a str, &'a str)]);

impl Request for Fake<'_> {
    fn method(&self) -> &'static str {
        "GET"
    }
    fn path(&self) -> &'static str {
        "/"
    }
    fn query(&self) -> Option<&str> {
        None
    }
    fn route(&self) -> Option<&str> {
        None
    }
    fn scheme(&self) -> &'static str {
        "http"
    }
    fn version(&self) -> &'static str {
        "1.1"
    }
    fn peer(&self) -> Option<IpAddr> {
        None
    }
    fn each_header<'a>(&'a self, see: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in self.0 {
            see(name, value.as_bytes());
        }
    }
}
