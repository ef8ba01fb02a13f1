//! The frontend session: read from a header, carried in the OpenTelemetry context, found again everywhere below.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use opentelemetry::Context;

use crate::context::Ambient;

/// The header in which highlight.io's browser client sends the session: `X-Highlight-Request: <session>/<request>`.
pub const SESSION_HEADER: &str = "x-highlight-request";

/// A header longer than this, in bytes, is not looked at.
const MAX_HEADER_BYTES: usize = 256;

/// The browser session of the user on whose behalf something is done.
///
/// It travels in the OpenTelemetry context: every span, log record and error made below a request carries it as
/// `highlight.session_id`, across `.await` and into tasks spawned within an instrumented span. Cloning is cheap.
///
/// # Examples
///
/// ```
/// use highlight::Session;
///
/// let session = Session::parse("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q/0af7651916cd43dd8448eb211c80319c").unwrap();
/// assert_eq!(session.secure_id(), "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q");
/// assert_eq!(session.request_id(), Some("0af7651916cd43dd8448eb211c80319c"));
/// assert_eq!(Session::parse("<script>/1"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Session {
    secure_id: Arc<str>,
    request_id: Option<Arc<str>>,
}

impl Session {
    /// A session with the given id and no request, for work that did not start with a request.
    ///
    /// Returns `None` when the id is empty, longer than 255 bytes or has characters other than `A-Z a-z 0-9 _ -`.
    #[must_use]
    pub fn new(secure_id: &str) -> Option<Self> {
        (is_token(secure_id) && fits(secure_id, "")).then(|| Session {
            secure_id: secure_id.into(),
            request_id: None,
        })
    }

    /// Reads the value of the session header, `<session>/<request>`; the request part may be missing or empty.
    ///
    /// Returns `None` for anything that the browser client does not send. A hostile value costs nothing: at most 256 bytes
    /// are looked at, and nothing is allocated before they are found good.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let (secure_id, request_id) = header.trim().split_once('/').unwrap_or((header.trim(), ""));
        let is_well_formed = is_token(secure_id) && (request_id.is_empty() || is_token(request_id));
        if !is_well_formed || !fits(secure_id, request_id) {
            return None;
        }
        Some(Session {
            secure_id: secure_id.into(),
            request_id: (!request_id.is_empty()).then(|| request_id.into()),
        })
    }

    /// The session of the current OpenTelemetry context.
    #[must_use]
    pub fn current() -> Option<Self> {
        crate::context::current(Session::of).flatten()
    }

    /// The session that `context` carries.
    pub(crate) fn of(context: &Context) -> Option<Self> {
        Ambient::of(context).session().cloned()
    }

    /// The id under which highlight.io knows the session.
    #[must_use]
    pub fn secure_id(&self) -> &str {
        &self.secure_id
    }

    /// The browser's id of the request: 32 hexadecimal digits when it is a trace id.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.secure_id)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({self})")
    }
}

impl fmt::Display for Session {
    /// The form of the header, to hand the session on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request_id.as_deref().unwrap_or_default();
        write!(f, "{}/{request}", self.secure_id)
    }
}

/// Runs `future` on behalf of `session`: for jobs, queues and everything else that no HTTP request carries.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use highlight::{Session, with_session};
///
/// let session = Session::new("tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q").unwrap();
/// let seen = with_session(session.clone(), async { Session::current() }).await;
/// assert_eq!(seen, Some(session));
/// assert_eq!(Session::current(), None);
/// # }
/// ```
pub fn with_session<F: Future>(session: Session, future: F) -> impl Future<Output = F::Output> {
    crate::context::carrying(|ambient| ambient.with_session(Some(session)), future)
}

/// Whether the header that hands a session on, which always has the slash, is one that is read.
fn fits(secure_id: &str, request_id: &str) -> bool {
    secure_id.len() + "/".len() + request_id.len() <= MAX_HEADER_BYTES
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_sends_is_read() {
        for (header, secure_id, request_id) in [
            ("abc/def", "abc", Some("def")),
            ("abc/", "abc", None),
            ("abc", "abc", None),
            (" abc/def ", "abc", Some("def")),
            ("a_b-C9/x", "a_b-C9", Some("x")),
        ] {
            let session = Session::parse(header).unwrap();
            assert_eq!(session.secure_id(), secure_id, "{header:?}");
            assert_eq!(session.request_id(), request_id, "{header:?}");
        }
    }

    #[test]
    fn anything_else_is_no_session() {
        let long = "a".repeat(MAX_HEADER_BYTES + 1);
        for header in [
            "", "/", "/abc", " ", "a b/c", "a/b/c", "a;drop/1", "ä/1", "a\n/1", "a/<b>", "\0",
            &long,
        ] {
            assert_eq!(Session::parse(header), None, "{header:?}");
        }
        assert_eq!(Session::new(""), None);
        assert_eq!(Session::new(&long), None);
    }

    #[test]
    fn what_is_handed_on_is_read_again_however_long_it_is() {
        for length in 250..260 {
            let id = "a".repeat(length);
            for session in [Session::parse(&id), Session::new(&id)] {
                assert_eq!(session.is_some(), length < MAX_HEADER_BYTES, "{length}");
                if let Some(session) = session {
                    assert_eq!(Session::parse(&session.to_string()), Some(session));
                }
            }
        }
    }

    #[test]
    fn display_gives_the_header_back() {
        for header in ["abc/def", "abc/"] {
            assert_eq!(Session::parse(header).unwrap().to_string(), header);
        }
    }
}
