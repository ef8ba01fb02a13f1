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
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.iter().filter(|(known, _)| *known == name);
        Some(headers.next()?.1)
    }
    fn each_header(&self, name: &str, see: &mut dyn FnMut(&str)) {
        for (_, value) in self.0.iter().filter(|(known, _)| *known == name) {
            see(value);
        }
    }
}
