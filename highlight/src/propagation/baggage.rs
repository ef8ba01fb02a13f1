//! The W3C baggage header: what was there, what the context has, and the session.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_sdk::propagation::BaggagePropagator;

use super::headers::Pairs;
use crate::http::MAX_BAGGAGE_BYTES;
use crate::session::{SESSION_HEADER, Session};

/// What OpenTelemetry reads of a header.
pub(crate) const MAX_ENTRIES: usize = 64;

/// One header of the three, in order of their claim to the limited room: the session, `given`, the context's. None when there
/// is nothing to add.
pub(super) fn merged(
    given: Option<&str>,
    context: &Context,
    session: Option<&Session>,
) -> Option<String> {
    let own = context_entries(context);
    if own.is_empty() && session.is_none() {
        return None;
    }
    let session = session.map(|session| format!("{SESSION_HEADER}={session}"));
    let entries = session
        .iter()
        .map(String::as_str)
        .chain(given.unwrap_or_default().split(','))
        .chain(own.split(','))
        .map(str::trim);
    let mut merged = String::new();
    let mut keys = Vec::new();
    for entry in entries {
        let key = key(entry);
        let fits = merged.len() + 1 + entry.len() <= MAX_BAGGAGE_BYTES && keys.len() < MAX_ENTRIES;
        if key.is_empty() || !fits || keys.contains(&key) {
            continue;
        }
        keys.push(key);
        if !merged.is_empty() {
            merged.push(',');
        }
        merged.push_str(entry);
    }
    Some(merged)
}

fn context_entries(context: &Context) -> String {
    if context.baggage().is_empty() {
        return String::new();
    }
    let mut pairs = Vec::new();
    BaggagePropagator::new().inject_context(context, &mut Pairs(&mut pairs));
    pairs.pop().map(|(_, value)| value).unwrap_or_default()
}

fn key(entry: &str) -> &str {
    entry.split(['=', ';']).next().unwrap_or(entry).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::KeyValue;

    fn context(entries: &[(&'static str, &'static str)]) -> Context {
        let entries = entries
            .iter()
            .map(|(key, value)| KeyValue::new(*key, *value));
        Context::new().with_baggage(entries)
    }

    #[test]
    fn the_session_comes_first_and_nothing_is_there_twice() {
        let session = Session::parse("abc/1").unwrap();
        for (given, own, session, expected) in [
            (None, &[][..], None, None),
            (Some("a=1"), &[], None, None),
            (None, &[("a", "1")], None, Some("a=1")),
            (None, &[], Some(&session), Some("x-highlight-request=abc/1")),
            (
                Some("a=1;secure, b=2"),
                &[("b", "3"), ("c", "4 5")],
                Some(&session),
                Some("x-highlight-request=abc/1,a=1;secure,b=2,c=4%205"),
            ),
            (
                Some("x-highlight-request=old%2F0"),
                &[("x-highlight-request", "older/0")],
                Some(&session),
                Some("x-highlight-request=abc/1"),
            ),
            (Some(" , =1,,"), &[("a", "1")], None, Some("a=1")),
        ] {
            let merged = merged(given, &context(own), session);
            assert_eq!(merged.as_deref(), expected, "{given:?} {own:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_left_out_and_the_session_stays() {
        let session = Session::new("abc").unwrap();
        let given: Vec<_> = (0..1_000).map(|at| format!("k{at}=v")).collect();
        let entries = merged(Some(&given.join(",")), &Context::new(), Some(&session)).unwrap();
        assert_eq!(entries.split(',').count(), MAX_ENTRIES);
        let given = format!("a={},b=1", "x".repeat(9_000));
        let entries = merged(Some(&given), &Context::new(), Some(&session)).unwrap();
        assert_eq!(entries, "x-highlight-request=abc/,b=1");
    }
}
