//! A response's streaming body, made inside the request's span; the span ends with it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use highlight::http::Ending;
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

impl<B: MessageBody> MessageBody for TracedBody<B> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.inner.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let inner = this.inner;
        let Ok(step) = this.ending.run(|| inner.poll_next(cx)) else {
            return Poll::Ready(Some(Err("the response's body panicked".into())));
        };
        let part = ready!(step).map(|part| part.map_err(Into::into));
        match &part {
            Some(Ok(bytes)) => this.ending.handed_over(bytes.len()),
            Some(Err(error)) => this.ending.fail(error.as_ref()),
            None => this.ending.finish(),
        }
        Poll::Ready(part)
    }
}
