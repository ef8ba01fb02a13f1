//! Trace and session on their way to other services: in the headers of outgoing requests, and in the messages of a queue.
//!
//! Four headers carry them: `x-highlight-request`, `traceparent`, `tracestate` and `baggage`. The baggage has the session too, so
//! that a service that knows nothing but OpenTelemetry hands it on.
//!
//! | for | use |
//! |---|---|
//! | `reqwest` | [`ReqwestMiddleware`], with the feature `reqwest` |
//! | another HTTP client | [`Outgoing`], a client span that injects |
//! | headers alone | [`inject`], or [`inject_with`] where there is no map of them |
//! | a message in a queue | [`Carrier`] |
//! | a task of this process | [`in_current_context`] |

pub(crate) mod baggage;
mod carrier;
mod headers;
mod hosts;
mod outgoing;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::future::Future;

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Instrument as _;

use crate::context::Ambient;
use crate::session::SESSION_HEADER;
pub use carrier::{Attached, Carrier};
pub use headers::Headers;
pub(crate) use hosts::Hosts;
pub use outgoing::Outgoing;
#[cfg(feature = "reqwest")]
pub use reqwest::ReqwestMiddleware;

pub(crate) const BAGGAGE: &str = "baggage";
pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// Writes the current trace and session into `headers`. Baggage that is there stays.
///
/// It does not look at [`Config::propagate_to`](crate::Config::propagate_to), since it does not know where the headers go:
/// [`Outgoing`] does.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::collections::HashMap;
/// use highlight::{Session, propagation, with_session};
///
/// let session = Session::parse("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1").unwrap();
/// let mut headers = HashMap::from([("baggage".to_owned(), "plan=gold".to_owned())]);
/// with_session(session, async { propagation::inject(&mut headers) }).await;
/// assert_eq!(headers["x-highlight-request"], "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1");
/// assert_eq!(headers["baggage"], "x-highlight-request=tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/1,plan=gold");
/// # }
/// ```
pub fn inject(headers: &mut impl Headers) {
    inject_context(&current(), headers);
}

/// [`inject`] for any other kind of headers: `set` is called for each.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use highlight::{Session, propagation, with_session};
///
/// let mut request = String::from("GET / HTTP/1.1\r\n");
/// with_session(Session::new("abc").unwrap(), async {
///     propagation::inject_with(|name, value| request.push_str(&format!("{name}: {value}\r\n")));
/// })
/// .await;
/// assert!(request.contains("x-highlight-request: abc/\r\n"));
/// # }
/// ```
pub fn inject_with(set: impl FnMut(&str, &str)) {
    inject_context(&current(), &mut headers::Setter(set));
}

/// Gives `future` the current span, session, user and tags: for `tokio::spawn`, which starts a task with none of them.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use highlight::{Session, in_current_context, with_session};
///
/// let session = Session::new("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q").unwrap();
/// with_session(session.clone(), async {
///     let job = async { Session::current() };
///     let seen = tokio::spawn(in_current_context(job)).await.unwrap();
///     assert_eq!(seen, Some(session));
/// })
/// .await;
/// # }
/// ```
pub fn in_current_context<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Entering the span makes its context the current one; inside of it comes the one that is current now, which may be
    // further down.
    future.with_context(current()).in_current_span()
}

fn current() -> Context {
    crate::context::current(Context::clone).unwrap_or_default()
}

pub(crate) fn inject_context(context: &Context, headers: &mut impl Headers) {
    let mut trace = Vec::new();
    TraceContextPropagator::new().inject_context(context, &mut headers::Pairs(&mut trace));
    for (name, value) in &trace {
        if !value.is_empty() {
            let known = if name == TRACESTATE {
                TRACESTATE
            } else {
                TRACEPARENT
            };
            headers.set(known, value);
        }
    }
    let ambient = Ambient::of(context);
    let session = ambient.session();
    if let Some(session) = session {
        headers.set(SESSION_HEADER, &session.to_string());
    }
    if let Some(merged) = baggage::merged(headers.get(BAGGAGE), context, session) {
        headers.set(BAGGAGE, &merged);
    }
}
