//! The middleware and its service: where a request enters.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::Method;
use highlight::Highlight;
use highlight::http::Exchange;

use crate::future::ResponseFuture;
use crate::handling::Handling;
use crate::request::View;

/// The middleware, sending through the SDK that `init` installed.
#[must_use]
pub fn middleware() -> HighlightMiddleware {
    HighlightMiddleware::default()
}

/// Makes a [`HighlightService`] of a service.
#[derive(Debug, Clone, Default)]
pub struct HighlightMiddleware {
    highlight: Option<Highlight>,
}

impl HighlightMiddleware {
    /// A middleware that sends through this handle instead of the installed one.
    #[must_use]
    pub fn new(highlight: Highlight) -> Self {
        HighlightMiddleware {
            highlight: Some(highlight),
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for HighlightMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = HighlightService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(HighlightService {
            inner: Rc::new(inner),
            highlight: self.highlight.clone(),
        }))
    }
}

/// Handles each request inside its server span.
#[derive(Debug, Clone)]
pub struct HighlightService<S> {
    inner: Rc<S>,
    highlight: Option<Highlight>,
}

impl<S> HighlightService<S> {
    /// Looked up for each request: the middleware may be made before `init`.
    fn highlight(&self) -> Option<Highlight> {
        let highlight = self.highlight.clone().or_else(Highlight::current);
        highlight.filter(Highlight::is_enabled)
    }
}

impl<S, B> Service<ServiceRequest> for HighlightService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = ResponseFuture<Handling<S>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(highlight) = self.highlight() else {
            return ResponseFuture::plain(Handling::new(&self.inner, request));
        };
        let exchange = Exchange::start(highlight, &View::of(&request));
        let is_head = request.method() == Method::HEAD;
        ResponseFuture::traced(Handling::new(&self.inner, request), exchange, is_head)
    }
}
