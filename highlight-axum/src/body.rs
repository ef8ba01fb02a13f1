//! A response's streaming body, made inside the request's span; the span ends with it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use bytes::Bytes;
use highlight::http::Ending;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    pub(crate) struct TracedBody<B> {
        #[pin]
        inner: B,
        ending: Ending,
    }
}

impl<B> TracedBody<B> {
    pub(crate) fn new(inner: B, ending: Ending) -> Self {
        TracedBody { inner, ending }
    }
}

/// The stream's own error, without axum's box around it.
fn unwrapped<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while error.is::<axum::Error>()
        && let Some(inner) = error.source()
    {
        error = inner;
    }
    error
}

impl<B> Body for TracedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let inner = this.inner.as_mut();
        let Ok(step) = this.ending.run(|| inner.poll_frame(cx)) else {
            return Poll::Ready(Some(Err("the response's body panicked".into())));
        };
        let frame: Option<Result<_, BoxError>> =
            ready!(step).map(|frame| frame.map_err(Into::into));
        match &frame {
            Some(Ok(frame)) => {
                this.ending
                    .handed_over(frame.data_ref().map_or(0, Bytes::len));
                if this.inner.is_end_stream() {
                    this.ending.finish();
                }
            }
            Some(Err(error)) => this.ending.fail(unwrapped(error.as_ref())),
            None => this.ending.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
