//! Where a request comes from: the caller's trace and baggage, and the browser's session.

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::{Context, TraceId};

use super::{Request, session};
use crate::context::Ambient;
use crate::install::propagator;
use crate::scope::Scope;
use crate::session::Session;

/// The limit of the W3C's baggage; the other headers have smaller ones.
pub(crate) const MAX_BAGGAGE_BYTES: usize = 8_192;

/// Where the request comes from: the caller's trace first, then the browser's session. Without a caller's trace the one that the
/// browser's request id names goes on here.
pub(crate) fn origin(request: &impl Request) -> (Context, Option<TraceId>) {
    let context = context(request);
    let session = session::of(request, &context);
    let request_id = session.as_ref().and_then(Session::request_id);
    let adopted = request_id.and_then(trace_id);
    let ambient = Ambient::default().with_scope(Some(Scope::default()));
    let context = context.with_value(ambient.with_session(session));
    (context, adopted)
}

/// The caller's span and baggage.
pub(super) fn context(request: &impl Request) -> Context {
    propagator().extract_with_context(&Context::current(), &Headers(request))
}

fn trace_id(request_id: &str) -> Option<TraceId> {
    let is_hex = request_id.len() == 32 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_hex
        .then(|| TraceId::from_hex(request_id).ok())
        .flatten()?;
    (id != TraceId::INVALID).then_some(id)
}

struct Headers<'a, R>(&'a R);

impl<R: Request> Extractor for Headers<'_, R> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.header(key)?;
        (value.len() <= MAX_BAGGAGE_BYTES).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        // The propagators ask by name.
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
