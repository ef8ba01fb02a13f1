//! A response's streaming body, made inside the request's span; the span ends with it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use bytes::Bytes;
use highlight::ErrorReport;
use highlight::http::Exchange;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    pub(crate) struct TracedBody<B> {
        #[pin]
        inner: B,
        end: End,
    }
}

/// What is left to do when the last frame was handed over.
struct End {
    exchange: Option<Exchange>,
    status: StatusCode,
    report: Option<ErrorReport>,
    /// Bytes still to come, when the response said how many. The server stops asking after them.
    promised: Option<u64>,
}

impl<B> TracedBody<B> {
    pub(crate) fn new(
        inner: B,
        exchange: Exchange,
        status: StatusCode,
        report: Option<ErrorReport>,
        promised: Option<u64>,
    ) -> Self {
        TracedBody {
            inner,
            end: End {
                exchange: Some(exchange),
                status,
                report,
                promised,
            },
        }
    }
}

impl End {
    fn finish(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish(self.status.as_u16(), self.report.as_ref());
        }
    }

    fn fail(&mut self, error: &BoxError) {
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.record(&ErrorReport::from_dyn(unwrapped(error.as_ref())));
        }
        self.finish();
    }

    /// Counts a frame; true when it was the last one promised.
    fn count(&mut self, frame: &Frame<Bytes>) -> bool {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        self.promised = self.promised.map(|left| left.saturating_sub(bytes));
        self.promised == Some(0)
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
        let step = match this.end.exchange.as_mut() {
            Some(exchange) => exchange.run(|| inner.poll_frame(cx)),
            None => Ok(inner.poll_frame(cx)),
        };
        let Ok(step) = step else {
            this.end.finish();
            return Poll::Ready(Some(Err("the response's body panicked".into())));
        };
        let frame = ready!(step).map(|frame| frame.map_err(Into::into));
        match &frame {
            Some(Ok(frame)) => {
                if this.end.count(frame) || this.inner.is_end_stream() {
                    this.end.finish();
                }
            }
            Some(Err(error)) => this.end.fail(error),
            None => this.end.finish(),
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
