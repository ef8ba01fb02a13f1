//! The handling of one request, polled inside its span.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::error::InternalError;
use actix_web::http::{StatusCode, header};
use actix_web::{Error, HttpResponse};
use highlight::ErrorReport;
use highlight::http::{Ending, Exchange, has_no_body};
use pin_project_lite::pin_project;

use crate::body::TracedBody;
use crate::error::{report_of, take_report};

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

    pub(crate) fn traced(handling: F, exchange: Exchange, is_head: bool) -> Self {
        ResponseFuture {
            handling: Some(handling),
            exchange: Some(exchange),
            is_head,
        }
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<BoxBody>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(exchange) = this.exchange.as_mut() else {
            let handling = this.handling.as_pin_mut();
            return handling.map_or(Poll::Pending, |handling| {
                handling
                    .poll(cx)
                    .map_ok(ServiceResponse::map_into_boxed_body)
            });
        };
        // An error's text is made by the application's code: inside, where a panic of it does no harm.
        let step = exchange.run(|| {
            let handling = this.handling.as_mut().as_pin_mut();
            handling.map_or(Poll::Pending, |handling| handling.poll(cx).map(Answer::of))
        });
        let answer = if let Ok(step) = step {
            Some(ready!(step))
        } else {
            let _ = exchange.run(|| this.handling.set(None));
            None
        };
        let Some(exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        Poll::Ready(if let Some(answer) = answer {
            answer.end(exchange, *this.is_head)
        } else {
            exchange.finish(500, None);
            Err(panicked())
        })
    }
}

/// Not a response: that needs the request, which is the handler's alone while it runs, and gone with it.
fn panicked() -> Error {
    let response = HttpResponse::InternalServerError()
        .content_type("text/plain; charset=utf-8")
        .body("Internal Server Error");
    InternalError::from_response("the handler panicked", response).into()
}

/// What came of the handling, and the error to report.
struct Answer<B> {
    result: Result<ServiceResponse<B>, Error>,
    status: StatusCode,
    report: Option<ErrorReport>,
}

impl<B: MessageBody + 'static> Answer<B> {
    fn of(mut result: Result<ServiceResponse<B>, Error>) -> Self {
        let (status, report) = match &mut result {
            Ok(response) => (response.status(), take_report(response.response_mut())),
            // Of a middleware inside this one; actix-web makes a response of it.
            Err(error) => (
                error.as_response_error().status_code(),
                Some(report_of(error)),
            ),
        };
        Answer {
            result,
            status,
            report,
        }
    }

    /// Ends the exchange, or hands it to the body when that is still to be made.
    fn end(self, exchange: Exchange, is_head: bool) -> Result<ServiceResponse<BoxBody>, Error> {
        let Answer {
            result,
            status,
            report,
        } = self;
        let response = match result {
            Ok(response) if !has_no_body(is_head, status.as_u16()) => response,
            result => {
                exchange.finish(status.as_u16(), report.as_ref());
                return result.map(ServiceResponse::map_into_boxed_body);
            }
        };
        let declared = response.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        Ok(response.map_body(|_, body| {
            let size = body.size();
            if size.is_eof() {
                exchange.finish(status.as_u16(), report.as_ref());
                return body.boxed();
            }
            match body.try_into_bytes() {
                Ok(bytes) => {
                    exchange.finish(status.as_u16(), report.as_ref());
                    BoxBody::new(bytes)
                }
                Err(body) => {
                    let promised = match size {
                        BodySize::Sized(bytes) => Some(bytes),
                        _ => declared,
                    };
                    let ending = Ending::new(exchange, status.as_u16(), report, promised);
                    BoxBody::new(TracedBody::new(body, ending))
                }
            }
        }))
    }
}
