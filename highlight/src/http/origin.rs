//! Where a request comes from: the caller's trace and baggage, and the browser's session.

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::{Context, TraceId};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::headers::Headers;
use super::session;
use crate::context::Ambient;
use crate::session::Session;

/// Where the request comes from: the caller's trace first, then the browser's session. Without a caller's trace the one that the
/// browser's request id names goes on here. The context has what stands beside it.
#[inline]
pub(crate) fn origin(headers: &Headers<'_>) -> (Context, Ambient, Option<TraceId>) {
    let context = context(headers);
    let session = session::of(headers, &context);
    let request_id = session.as_ref().and_then(Session::request_id);
    let adopted = request_id.and_then(trace_id);
    let ambient = Ambient::new(session);
    (context.with_value(ambient.clone()), ambient, adopted)
}

/// The caller's span and baggage.
#[inline]
pub(super) fn context(headers: &Headers<'_>) -> Context {
    let mut context = Context::current();
    if headers.name_a_caller() {
        context = TraceContextPropagator::new().extract_with_context(&context, headers);
        context = BaggagePropagator::new().extract_with_context(&context, headers);
    }
    context
}

fn trace_id(request_id: &str) -> Option<TraceId> {
    let is_hex = request_id.len() == 32 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_hex
        .then(|| TraceId::from_hex(request_id).ok())
        .flatten()?;
    (id != TraceId::INVALID).then_some(id)
}

#[cfg(test)]
mod tests {
    use opentelemetry::baggage::BaggageExt as _;
    use opentelemetry::trace::TraceContextExt as _;

    use super::*;
    use crate::http::fake::Fake;

    #[test]
    fn a_state_or_a_session_alone_names_no_caller() {
        for (name, value, expected) in [
            (
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                true,
            ),
            ("baggage", "a=b", true),
            ("tracestate", "a=b", false),
            ("x-highlight-request", "a/b", false),
        ] {
            let fake = [(name, value)];
            let fake = Fake(&fake);
            let headers = Headers::of(&fake);
            assert_eq!(headers.name_a_caller(), expected, "{name}");
            let context = context(&headers);
            let is_told = context.has_active_span() || !context.baggage().is_empty();
            assert_eq!(is_told, expected, "{name}");
        }
    }

    #[test]
    fn only_a_valid_trace_id_is_adopted() {
        assert!(trace_id("0af7651916cd43dd8448eb211c80319c").is_some());
        for id in [
            "",
            "abc",
            "00000000000000000000000000000000",
            "0af7651916cd43dd8448eb211c80319g",
            "+af7651916cd43dd8448eb211c80319c",
        ] {
            assert_eq!(trace_id(id), None, "{id:?}");
        }
    }
}
