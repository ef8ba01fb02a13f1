//! The middleware for `reqwest`, by way of the crate `reqwest-middleware`.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::Outgoing;
use crate::handle::Highlight;

/// Makes each request of a client a client span, and sends trace and session with it.
///
/// Added after a middleware that retries, it makes a span of each try; before it, one of them all.
///
/// `reqwest` follows redirects itself: the headers of the first request go with it, also to other hosts than
/// [`Config::propagate_to`](crate::Config::propagate_to) allows, and the span covers them all.
///
/// # Examples
///
/// ```
/// use highlight::propagation::ReqwestMiddleware;
///
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(ReqwestMiddleware::default())
///     .build();
/// # let _ = client;
/// ```
#[derive(Debug, Clone, Default)]
pub struct ReqwestMiddleware {
    highlight: Option<Highlight>,
}

impl ReqwestMiddleware {
    /// A middleware that sends through this handle instead of the installed one.
    #[must_use]
    pub fn new(highlight: Highlight) -> Self {
        ReqwestMiddleware {
            highlight: Some(highlight),
        }
    }
}

#[async_trait::async_trait]
impl Middleware for ReqwestMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let (method, url) = (request.method().as_str(), request.url().as_str());
        let outgoing = match &self.highlight {
            Some(highlight) => Outgoing::through(highlight, method, url),
            None => Outgoing::start(method, url),
        };
        outgoing.inject(request.headers_mut());
        let call = next.run(request, extensions);
        outgoing
            .send(call, |response| response.status().as_u16())
            .await
    }
}
