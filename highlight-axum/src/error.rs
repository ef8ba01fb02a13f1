//! Errors that handlers return: what the client sees, and what is reported.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use highlight::ErrorReport;
use http::StatusCode;

/// An error to return from a handler with `?`. The client gets the status and nothing of the error; highlight gets the error
/// with type, message, causes and the stack of the `?`, on the request's span and session.
///
/// # Examples
///
/// ```
/// use axum::http::StatusCode;
/// use highlight_axum::HandlerError;
///
/// async fn total(amount: String) -> Result<String, HandlerError> {
///     let cents: u32 = amount.parse()?; // 500
///     let whole = cents.checked_div(100).ok_or_else(|| {
///         HandlerError::new(StatusCode::BAD_REQUEST, &std::io::Error::other("no amount"))
///     })?;
///     Ok(whole.to_string())
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
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

impl IntoResponse for HandlerError {
    fn into_response(self) -> Response {
        let text = self.status.canonical_reason().unwrap_or_default();
        let mut response = (self.status, text).into_response();
        response.extensions_mut().insert(self.report);
        response
    }
}

/// Tells the layer which error a response stands for: for `IntoResponse` implementations of one's own error types.
///
/// # Examples
///
/// ```
/// use axum::response::{IntoResponse, Response};
///
/// #[derive(Debug)]
/// struct OutOfStock;
/// # impl std::fmt::Display for OutOfStock {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("out of stock") }
/// # }
/// # impl std::error::Error for OutOfStock {}
///
/// impl IntoResponse for OutOfStock {
///     fn into_response(self) -> Response {
///         let response = (axum::http::StatusCode::SERVICE_UNAVAILABLE, "come back later").into_response();
///         highlight_axum::with_error(response, &self)
///     }
/// }
/// # assert_eq!(OutOfStock.into_response().extensions().get::<highlight::ErrorReport>().unwrap().message(), "out of stock");
/// ```
#[must_use]
pub fn with_error<E: Error + ?Sized>(mut response: Response, error: &E) -> Response {
    response.extensions_mut().insert(ErrorReport::new(error));
    response
}
