//! One layer for [axum](https://docs.rs/axum): each request becomes a server span, on behalf of the browser session that sent it.
//!
//! ```
//! use axum::{Router, routing::get};
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(highlight_axum::layer());
//! ```
//!
//! Add the layer last, so that it is the outermost: what runs inside it has the request's span and session.
//!
//! * The span is named `METHOD route` and follows the semantic conventions for HTTP server spans. It is below the caller's span
//!   when the request has a `traceparent`, and ends when the response's last byte was handed over.
//! * The session is read from the header `x-highlight-request`, which highlight.io's browser client sends, or else from baggage
//!   or its cookies.
//! * A handler that panics answers 500, and the panic is one error with its stack.
//! * A handler that returns [`HandlerError`] answers with its status, and from 500 on the error is one error with its stack. An
//!   error type of one's own does the same with [`with_error`].
//! * A client that hangs up ends the span as cancelled.
//!
//! Without an initialised SDK the layer does nothing.

mod body;
mod error;
mod future;
mod layer;
mod request;

pub use error::{HandlerError, with_error};
pub use future::ResponseFuture;
pub use layer::{HighlightLayer, HighlightService, layer};
