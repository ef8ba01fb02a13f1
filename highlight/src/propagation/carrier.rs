//! Trace and session inside a message: written where it is queued, taken up where it is worked on.

use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;

use opentelemetry::context::FutureExt as _;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::{Context, ContextGuard};
use serde::{Deserialize, Serialize};

use super::{BAGGAGE, TRACEPARENT, TRACESTATE, current, inject_context};
use crate::context::Ambient;
use crate::http::MAX_BAGGAGE_BYTES;
use crate::install::propagator;
use crate::scope::Scope;
use crate::session::{SESSION_HEADER, Session};

/// The four headers, and what is read of each at most, in bytes.
const KNOWN: [(&str, usize); 4] = [
    (SESSION_HEADER, 256),
    (TRACEPARENT, 256),
    (TRACESTATE, 512),
    (BAGGAGE, MAX_BAGGAGE_BYTES),
];

/// The trace and session of some work, as text that fits into a message: a serialisable map, or pairs for the headers that many
/// queues have.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use highlight::{Session, propagation::Carrier, with_session};
///
/// // Where the message is made:
/// let session = Session::new("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q").unwrap();
/// let message = with_session(session.clone(), async {
///     serde_json::to_string(&("send receipt", Carrier::current())).unwrap()
/// })
/// .await;
///
/// // Where it is worked on, perhaps in another process:
/// let (job, carrier): (String, Carrier) = serde_json::from_str(&message).unwrap();
/// let seen = carrier.run(async { Session::current().unwrap().secure_id().to_owned() }).await;
/// assert_eq!((job.as_str(), seen.as_str()), ("send receipt", session.secure_id()));
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
#[must_use = "a carrier does nothing until its pairs are sent, or work is done with it"]
pub struct Carrier(BTreeMap<String, String>);

/// Ends the carrier's work on this thread when it is dropped.
#[derive(Debug)]
#[must_use = "the work ends when this is dropped: bind it to a variable"]
pub struct Attached {
    _attached: ContextGuard,
    /// The context belongs to the thread.
    _here: PhantomData<*const ()>,
}

impl Carrier {
    /// Of the current span and session; empty when there are none.
    pub fn current() -> Self {
        let mut pairs = BTreeMap::new();
        inject_context(&current(), &mut pairs);
        Carrier(pairs)
    }

    /// From the headers of a message; names are the same in upper and lower case. What is not one of the four headers, or longer
    /// than they may be, is passed over.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut kept = BTreeMap::new();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let known = KNOWN
                .iter()
                .find(|(known, most)| known.eq_ignore_ascii_case(name) && value.len() <= *most);
            if let Some((known, _)) = known {
                kept.insert((*known).to_owned(), value.to_owned());
            }
        }
        Carrier(kept)
    }

    /// Names and values, for the headers of a message.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The session that is carried.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        Session::of(&self.context())
    }

    /// Runs `future` on behalf of the carried session. Spans that begin in it are children of the span that was current where the
    /// carrier was made. User and tags are its own, as with [`with_scope`](crate::with_scope).
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.with_context(self.context())
    }

    /// The same for work that is no future: until the guard is dropped, on this thread.
    pub fn attach(&self) -> Attached {
        Attached {
            _attached: self.context().attach(),
            _here: PhantomData,
        }
    }

    /// Not below the current context, which is that of the worker and not of the work.
    fn context(&self) -> Context {
        let context = propagator().extract_with_context(&Context::new(), &Map(&self.0));
        let header = self.0.get(SESSION_HEADER).map(String::as_str);
        let session = crate::http::carried(header, &context);
        let ambient = Ambient::default().with_scope(Some(Scope::default()));
        context.with_value(ambient.with_session(session))
    }
}

impl From<BTreeMap<String, String>> for Carrier {
    fn from(pairs: BTreeMap<String, String>) -> Self {
        Carrier::from_pairs(pairs)
    }
}

impl From<Carrier> for BTreeMap<String, String> {
    fn from(carrier: Carrier) -> Self {
        carrier.0
    }
}

struct Map<'a>(&'a BTreeMap<String, String>);

impl Extractor for Map<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_headers_are_kept_and_within_their_bounds() {
        let long = "a".repeat(9_000);
        let carrier = Carrier::from_pairs([
            ("X-Highlight-Request", "abc/1"),
            ("Traceparent", &long),
            ("cookie", "secret"),
            ("baggage", &long),
        ]);
        assert_eq!(
            carrier.pairs().collect::<Vec<_>>(),
            [("x-highlight-request", "abc/1")]
        );
        assert_eq!(carrier.session(), Session::parse("abc/1"));
    }

    #[test]
    fn the_baggage_has_the_session_where_the_header_was_lost() {
        let carrier = Carrier::from_pairs([("baggage", "a=b,x-highlight-request=abc%2F1")]);
        assert_eq!(carrier.session(), Session::parse("abc/1"));
        assert_eq!(Carrier::default().session(), None);
    }

    #[test]
    fn attached_work_ends_with_the_guard() {
        let carrier = Carrier::from_pairs([("x-highlight-request", "abc")]);
        let attached = carrier.attach();
        assert_eq!(Session::current(), Session::new("abc"));
        drop(attached);
        assert_eq!(Session::current(), None);
    }
}
