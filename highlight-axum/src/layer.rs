//! The layer and its service: where a request enters.

use std::any::TypeId;
use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::routing::Route;
use bytes::Bytes;
use highlight::Highlight;
use highlight::http::Exchange;
use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::request::View;

/// The layer, sending through the SDK that `init` installed.
#[must_use]
pub fn layer() -> HighlightLayer {
    HighlightLayer::default()
}

/// Makes a [`HighlightService`] of a service.
#[derive(Debug, Clone, Default)]
pub struct HighlightLayer {
    highlight: Option<Highlight>,
}

impl HighlightLayer {
    /// A layer that sends through this handle instead of the installed one.
    #[must_use]
    pub fn new(highlight: Highlight) -> Self {
        HighlightLayer {
            highlight: Some(highlight),
        }
    }
}

impl<S> Layer<S> for HighlightLayer {
    type Service = HighlightService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HighlightService {
            inner,
            highlight: self.highlight.clone(),
        }
    }
}

/// Handles each request inside its server span.
#[derive(Debug, Clone)]
pub struct HighlightService<S> {
    inner: S,
    highlight: Option<Highlight>,
}

impl<S> HighlightService<S> {
    /// Looked up for each request: the layer may be built before `init`.
    fn highlight(&self) -> Option<Highlight> {
        let highlight = self.highlight.clone().or_else(Highlight::current);
        highlight.filter(Highlight::is_enabled)
    }
}

/// Whether nothing but axum's own code runs before the future is polled: a route copies what is inside it, and calls that when it
/// is polled. It needs no span then.
fn is_called_by_its_future<S: 'static>() -> bool {
    TypeId::of::<S>() == TypeId::of::<Route<Infallible>>()
}

impl<S, B, R> Service<Request<B>> for HighlightService<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(highlight) = self.highlight() else {
            return ResponseFuture::plain(self.inner.call(request));
        };
        let mut exchange = Exchange::start(highlight, &View(&request));
        let is_head = request.method() == Method::HEAD;
        let handling = if is_called_by_its_future::<S>() {
            Some(self.inner.call(request))
        } else {
            exchange.run(|| self.inner.call(request)).ok()
        };
        ResponseFuture::traced(handling, exchange, is_head)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use highlight::testing::{Captured, capture};
    use tower_layer::layer_fn;

    use super::*;

    /// Logs when it is called, before there is a future.
    #[derive(Debug, Clone)]
    struct Talkative<S>(S);

    impl<S: Service<Request<Body>>> Service<Request<Body>> for Talkative<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            tracing::info!("called");
            self.0.call(request)
        }
    }

    fn sent_by(mut app: Router) -> Captured {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        capture(|| {
            let response = runtime.block_on(app.call(Request::new(Body::empty())));
            assert!(response.unwrap().status().is_success());
        })
    }

    #[test]
    fn what_a_service_does_when_it_is_called_is_inside_the_span() {
        let routes = Router::new().route("/", get(async || "hello"));
        let in_a_route = routes.clone().layer(layer_fn(Talkative)).layer(layer());
        let directly = routes.layer((layer(), layer_fn(Talkative)));
        for app in [in_a_route.with_state(()), directly] {
            let sent = sent_by(app).to_string();
            let lines: Vec<_> = sent.lines().collect();
            let [log, span] = lines[..] else {
                panic!("a log and a span expected: {sent}")
            };
            assert_eq!(log, "log info \"called\" in trace#1");
            let is_around_it = span.starts_with("span \"GET /\"") && span.ends_with("in trace#1");
            assert!(is_around_it, "{sent}");
        }
    }
}
