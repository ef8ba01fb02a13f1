//! Settings about other machines: which services are told of the session, and whether proxies are believed.

use super::Config;

impl Config {
    /// The hosts whose services are told of trace and session, instead of all: names or addresses, without a port. A name
    /// also stands for its subdomains: `shop.example` for `api.shop.example`, but not for `myshop.example`. An empty list is
    /// for no host. Requests to other hosts still have their client span.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = highlight::Config::new("1jdkoe52").propagate_to(["shop.example", "10.0.0.7"]);
    /// ```
    pub fn propagate_to<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Whether `Forwarded`, `X-Forwarded-For`, `-Proto` and `-Host` are believed for `client.address`, `url.scheme` and
    /// `server.address`. Turn it on only behind a proxy that replaces these headers: otherwise whoever sends a request chooses
    /// what is recorded.
    pub fn trust_forwarded(mut self, on: bool) -> Self {
        self.trust_forwarded = on;
        self
    }
}
