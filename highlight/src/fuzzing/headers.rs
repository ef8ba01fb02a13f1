//! The headers of requests that come in.

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, TraceId};

use crate::http::fake::Fake;
use crate::http::{Headers, MAX_BAGGAGE_BYTES};
use crate::propagation::baggage::MAX_ENTRIES;
use crate::propagation::{BAGGAGE, Headers as _, TRACEPARENT, TRACESTATE, inject_context};
use crate::session::{SESSION_HEADER, Session};

const LONGEST: usize = 256;

/// `x-highlight-request`: what is taken is a token, and all that the browser can send is taken.
pub fn session_header(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let header = Session::parse(text);
    if let Some(session) = &header {
        check(session);
        assert!(text.len() <= LONGEST, "a long header was looked at");
        let again = Session::parse(&session.to_string());
        assert_eq!(again.as_ref(), Some(session), "handed on, it is another");
    } else if text.len() <= LONGEST {
        let (id, request) = text.trim().split_once('/').unwrap_or((text.trim(), ""));
        let is_long = id.len() + 1 + request.len() > LONGEST;
        let sent_by_browser = is_token(id) && (request.is_empty() || is_token(request)) && !is_long;
        assert!(!sent_by_browser, "{text:?} was not taken");
    }
    if let Some(session) = Session::new(text) {
        check(&session);
        assert_eq!((session.secure_id(), session.request_id()), (text, None));
    }
    let (context, adopted) = origin(&[(SESSION_HEADER, text)]);
    // Around a session there may be spaces; what is no text for a header is not looked at.
    let header = header.filter(|_| is_header(text));
    assert_eq!(Session::of(&context), header);
    if let Some(trace) = adopted {
        let request = header.as_ref().and_then(Session::request_id);
        let request = request.map(str::to_ascii_lowercase);
        assert_eq!(Some(trace.to_string()), request, "another trace is adopted");
    }
}

/// Lines are values of several `cookie` headers.
pub fn cookies(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let headers: Vec<_> = text.lines().map(|line| ("cookie", line)).collect();
    let (context, adopted) = origin(&headers);
    assert_eq!(adopted, None, "a cookie names no trace");
    let Some(session) = Session::of(&context) else {
        return;
    };
    check(&session);
    assert_eq!(session.request_id(), None);
    assert!(
        text.contains("sessionSecureID") || text.contains("sessionData_"),
        "a session out of nothing"
    );
    // A header goes before any cookie.
    let mut headers = headers;
    headers.push((SESSION_HEADER, "header/1"));
    let (context, _) = origin(&headers);
    assert_eq!(Session::of(&context), Session::parse("header/1"));
}

/// Lines are `traceparent`, `tracestate`, `baggage` and `x-highlight-request`, in this order.
pub fn trace_headers(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let names = [TRACEPARENT, TRACESTATE, BAGGAGE, SESSION_HEADER];
    // Other characters are not in the text of a header.
    let values = text.split('\n').filter(|value| is_header(value));
    let given: Vec<_> = names.into_iter().zip(values).collect();
    let (context, _) = origin(&given);
    let session = Session::of(&context);
    if let Some(session) = &session {
        check(session);
    }
    let span = context.span();
    let span = span.span_context();

    // What is handed on names the same trace and session, within its bounds.
    let mut headers: Vec<(String, String)> = Vec::new();
    if let Some((_, baggage)) = given.get(2) {
        headers.set(BAGGAGE, baggage);
    }
    inject_context(&context, &mut headers);
    let handed_on: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    for (name, value) in &handed_on {
        assert!(is_header(value), "{name} is {value:?}");
    }
    let (again, _) = origin(&handed_on);
    // Baggage that names several sessions is nobody's but the application's, which has put it there; and so is one that is behind more
    // entries than are read, which are fewer when empty ones are left out.
    let baggage = given.get(2).map_or("", |(_, baggage)| baggage);
    let is_plain = baggage.matches(SESSION_HEADER).count() < 2;
    if is_plain && baggage.split(',').count() <= MAX_ENTRIES {
        assert_eq!(Session::of(&again), session, "another session");
    }
    let (trace, parent) = (span.trace_id(), span.span_id());
    let received = again.span();
    let received = received.span_context();
    assert_eq!((received.trace_id(), received.span_id()), (trace, parent));
    let added = session.is_some() || handed_on.iter().any(|(name, _)| *name == BAGGAGE);
    if let Some((_, baggage)) = handed_on.iter().find(|(name, _)| added && *name == BAGGAGE)
        && session.is_some()
    {
        assert!(baggage.len() <= MAX_BAGGAGE_BYTES, "too much baggage");
        let keys = baggage
            .split(',')
            .map(|entry| entry.split(['=', ';']).next());
        let mut keys: Vec<_> = keys.map(|key| key.unwrap_or_default().trim()).collect();
        assert_eq!(keys.first(), Some(&SESSION_HEADER), "{baggage:?}");
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|one, other| one < other), "{baggage:?}");
    }
}

fn origin(headers: &[(&str, &str)]) -> (Context, Option<TraceId>) {
    let (context, _, adopted) = crate::http::origin(&Headers::of(&Fake(headers)));
    (context, adopted)
}

fn check(session: &Session) {
    let parts = [Some(session.secure_id()), session.request_id()];
    for part in parts.into_iter().flatten() {
        assert!(is_token(part) && part.len() <= LONGEST, "{part:?}");
    }
}

fn is_token(text: &str) -> bool {
    let is_good = |c| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-');
    !text.is_empty() && text.chars().all(is_good)
}

fn is_header(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}
