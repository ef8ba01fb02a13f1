//! One middleware for [actix-web](https://docs.rs/actix-web): each request becomes a server span, on behalf of the browser session
//! that sent it.
//!
//! ```
//! use actix_web::{App, web};
//!
//! let app = App::new()
//!     .route("/", web::get().to(async || "hello"))
//!     .wrap(highlight_actix::middleware());
//! # let _ = app;
//! ```
//!
//! Wrap with it last, so that it is the outermost: what runs inside it has the request's span and session. Only CORS belongs
//! around it, so that a browser may read the 500 of a panic as well.
//!
//! * The span is named `METHOD route` and follows the semantic conventions for HTTP server spans. It is below the caller's span
//!   when the request has a `traceparent`, and ends when the response's last byte was handed over.
//! * The session is read from the header `x-highlight-request`, which highlight.io's browser client sends, or else from baggage
//!   or its cookies.
//! * A handler that panics answers 500, and the panic is one error with its stack.
//! * A handler that returns an error of actix-web's answers as that error says, and from 500 on it is one error with type and
//!   message. [`HandlerError`] adds causes and the stack; an error type of one's own does the same with [`with_error`].
//! * A client that hangs up ends the span as cancelled where actix-web ends the work: that is over HTTP/1, with
//!   [`h1_allow_half_closed(false)`](actix_web::HttpServer::h1_allow_half_closed). Otherwise, and over HTTP/2, the handler goes on
//!   to its end, and so does the span.
//!
//! Without an initialised SDK the middleware does nothing.

mod body;
mod error;
mod future;
mod handling;
mod middleware;
mod request;

pub use error::{HandlerError, with_error};
pub use future::ResponseFuture;
pub use handling::Handling;
pub use middleware::{HighlightMiddleware, HighlightService, middleware};
