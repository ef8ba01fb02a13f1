//! A response's streaming body, made inside the request's span; the span ends with it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use bytes::Bytes;
use highlight::ErrorReport;
use highlight::http::Exchange;
use pin_project_lite::pin_project;

pin_project! {
    pub(crate) struct TracedBody<B> {
        #[pin]
        inner: B,
        end: End,
    }
}

/// What is left to do when the last bytes were handed over.
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

    fn fail(&mut self, error: &(dyn Error + 'static)) {
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.record(&ErrorReport::from_dyn(error));
        }
        self.finish();
    }

    /// Counts bytes; true when they were the last promised.
    fn count(&mut self, bytes: &Bytes) -> bool {
        let bytes = bytes.len() as u64;
        self.promised = self.promised.map(|left| left.saturating_sub(bytes));
        self.promised == Some(0)
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
        let mut this = self.project();
        let inner = this.inner.as_mut();
        let step = match this.end.exchange.as_mut() {
            Some(exchange) => exchange.run(|| inner.poll_next(cx)),
            None => Ok(inner.poll_next(cx)),
        };
        let Ok(step) = step else {
            this.end.finish();
            return Poll::Ready(Some(Err("the response's body panicked".into())));
        };
        let part = ready!(step).map(|part| part.map_err(Into::into));
        match &part {
            Some(Ok(bytes)) => {
                if this.end.count(bytes) {
                    this.end.finish();
                }
            }
            Some(Err(error)) => this.end.fail(error.as_ref()),
            None => this.end.finish(),
        }
        Poll::Ready(part)
    }
}
