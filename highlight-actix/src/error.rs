//! Errors that handlers return: what the client sees, and what is reported.

use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use highlight::ErrorReport;

/// An error to return from a handler with `?`. The client gets the status and nothing of the error; highlight gets the error
/// with type, message, causes and the stack of the `?`, on the request's span and session.
///
/// # Examples
///
/// ```
/// use actix_web::http::StatusCode;
/// use highlight_actix::HandlerError;
///
/// async fn total(amount: String) -> Result<String, HandlerError> {
///     let cents: u32 = amount.parse()?; // 500
///     let whole = cents.checked_div(100).ok_or_else(|| {
///         HandlerError::new(StatusCode::BAD_REQUEST, &std::io::Error::other("no amount"))
///     })?;
///     Ok(whole.to_string())
/// }
/// # #[actix_web::main] async fn main() {
/// # assert_eq!(total("x".into()).await.unwrap_err().status(), StatusCode::INTERNAL_SERVER_ERROR);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HandlerError {
    status: StatusCode,
    report: ErrorReport,
}

impl HandlerError {
    /// Answers with `status`. From 500 on the error is reported as one; below, the span only notes it.
    #[must_use]
    pub fn new<E: Error + ?Sized>(status: StatusCode, error: &E) -> Self {
        HandlerError {
            status,
            report: ErrorReport::new(error),
        }
    }

    /// What the client will see.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What will be reported.
    #[must_use]
    pub fn report(&self) -> &ErrorReport {
        &self.report
    }
}

impl<E: Error> From<E> for HandlerError {
    #[inline(never)]
    fn from(error: E) -> Self {
        HandlerError::new(StatusCode::INTERNAL_SERVER_ERROR, &error)
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.report.message())
    }
}

impl ResponseError for HandlerError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let text = self.status.canonical_reason().unwrap_or_default();
        HttpResponse::build(self.status)
            .content_type("text/plain; charset=utf-8")
            .body(text)
    }
}

/// Tells the middleware which error a response stands for: for `ResponseError` implementations of one's own error types.
///
/// # Examples
///
/// ```
/// use actix_web::{HttpResponse, ResponseError};
///
/// #[derive(Debug)]
/// struct OutOfStock;
/// # impl std::fmt::Display for OutOfStock {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("out of stock") }
/// # }
/// # impl std::error::Error for OutOfStock {}
///
/// impl ResponseError for OutOfStock {
///     fn error_response(&self) -> HttpResponse {
///         let response = HttpResponse::ServiceUnavailable().body("come back later");
///         highlight_actix::with_error(response, self)
///     }
/// }
/// # assert_eq!(OutOfStock.error_response().extensions().get::<highlight::ErrorReport>().unwrap().message(), "out of stock");
/// ```
#[must_use]
pub fn with_error<B, E: Error + ?Sized>(
    mut response: HttpResponse<B>,
    error: &E,
) -> HttpResponse<B> {
    response.extensions_mut().insert(ErrorReport::new(error));
    response
}

/// What is to be reported of a response: the report that [`with_error`] left, or that of actix-web's error.
pub(crate) fn take_report<B>(response: &mut HttpResponse<B>) -> Option<ErrorReport> {
    let left = response.extensions_mut().remove::<ErrorReport>();
    left.or_else(|| response.error().map(report_of))
}

/// Where the error came up is not known of any but our own.
pub(crate) fn report_of(error: &actix_web::Error) -> ErrorReport {
    match error.as_error::<HandlerError>() {
        Some(own) => own.report.clone(),
        None => ErrorReport::without_stack(error),
    }
}
