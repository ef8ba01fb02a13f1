//! The handling of one request, polled inside its span.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use highlight::ErrorReport;
use highlight::http::{Ending, Exchange, has_no_body};
use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use crate::body::TracedBody;

pin_project! {
    /// Answers with the handler's response, or with 500 when it panicked.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // None once it is done or has panicked.
        #[pin]
        handling: Option<F>,
        exchange: Option<Exchange>,
        is_head: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the handler's values say when they are dropped belongs to the request.
            let mut this = this.project();
            if let Some(exchange) = this.exchange.as_mut() {
                let _ = exchange.run(|| this.handling.set(None));
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn plain(handling: F) -> Self {
        ResponseFuture {
            handling: Some(handling),
            exchange: None,
            is_head: false,
        }
    }

    /// Without a `handling`, the handler panicked before it gave a future.
    pub(crate) fn traced(handling: Option<F>, exchange: Exchange, is_head: bool) -> Self {
        ResponseFuture {
            handling,
            exchange: Some(exchange),
            is_head,
        }
    }
}

impl<F, R> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(exchange) = this.exchange.as_mut() else {
            let handling = this.handling.as_pin_mut();
            return handling.map_or(Poll::Pending, |handling| {
                handling.poll(cx).map_ok(|response| response.map(Body::new))
            });
        };
        let step = exchange.run(|| match this.handling.as_mut().as_pin_mut() {
            Some(handling) => handling.poll(cx).map(Some),
            None => Poll::Ready(None),
        });
        let response = if let Ok(step) = step {
            // None when the handler panicked before it gave a future.
            ready!(step).map(|Ok(response)| response)
        } else {
            let _ = exchange.run(|| this.handling.set(None));
            None
        };
        let Some(exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(if let Some(response) = response {
            answer(response, exchange, *this.is_head)
        } else {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            exchange.finish(status.as_u16(), None);
            (status, "Internal Server Error").into_response()
        }))
    }
}

/// Ends the exchange, or hands it to the body when that is still to be made.
fn answer<R>(mut response: Response<R>, exchange: Exchange, is_head: bool) -> Response<Body>
where
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    let status = response.status();
    let report = response.extensions_mut().remove::<ErrorReport>();
    let is_complete = response.body().size_hint().exact().is_some();
    if is_complete || has_no_body(is_head, status.as_u16()) {
        exchange.finish(status.as_u16(), report.as_ref());
        return response.map(Body::new);
    }
    let promised = response
        .headers()
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let ending = Ending::new(exchange, status.as_u16(), report, promised);
    response.map(|body| Body::new(TracedBody::new(body, ending)))
}
