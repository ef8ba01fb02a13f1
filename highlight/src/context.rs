//! What ties a record to its request: trace, span and session, taken from an OpenTelemetry context.

use std::future::Future;

use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use crate::scope::Scope;
use crate::session::Session;

thread_local! {
    /// Alive while OpenTelemetry's own thread-local is: touching that one first makes its destructor run after ours.
    static ALIVE: () = Context::map_current(|_| ());
}

/// Looks at the current context. None on a thread that is being torn down, where asking OpenTelemetry would panic.
pub(crate) fn current<T>(look: impl FnOnce(&Context) -> T) -> Option<T> {
    ALIVE.try_with(|()| ()).ok()?;
    Some(Context::map_current(look))
}

/// Runs `future` with `value` added to the context it is awaited in, so that callers nest in any order and under a span; or, where
/// that has nothing of ours, as in a task just spawned, to the one of this call.
pub(crate) fn carrying<T, F>(value: T, future: F) -> impl Future<Output = F::Output>
where
    T: Send + Sync + 'static,
    F: Future,
{
    let called_in = current(Context::clone).unwrap_or_default();
    async move {
        let awaited_in = current(Context::clone).filter(is_ours);
        let context = awaited_in.unwrap_or(called_in).with_value(value);
        future.with_context(context).await
    }
}

fn is_ours(context: &Context) -> bool {
    context.has_active_span()
        || context.get::<Session>().is_some()
        || context.get::<Scope>().is_some()
}

/// The ids a record carries.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) session: Option<Session>,
    pub(crate) scope: Option<Scope>,
}

impl Default for Correlation {
    fn default() -> Self {
        Correlation {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            flags: TraceFlags::NOT_SAMPLED,
            session: None,
            scope: None,
        }
    }
}

impl Correlation {
    /// Of the current context. User code must not run inside [`current`]: this copies out and lets go.
    pub(crate) fn current() -> Self {
        current(Correlation::of).unwrap_or_default()
    }

    pub(crate) fn of(context: &Context) -> Self {
        let session = context.get::<Session>().cloned();
        let scope = context.get::<Scope>().cloned();
        if !context.has_active_span() {
            return Correlation {
                session,
                scope,
                ..Correlation::default()
            };
        }
        let span = context.span();
        Correlation {
            session,
            scope,
            ..Correlation::from(span.span_context())
        }
    }

    /// The same ids on behalf of another session.
    pub(crate) fn with_session(self, session: Option<Session>) -> Self {
        Correlation { session, ..self }
    }

    pub(crate) fn has_trace(&self) -> bool {
        self.trace_id != TraceId::INVALID
    }
}

impl From<&SpanContext> for Correlation {
    fn from(span: &SpanContext) -> Self {
        Correlation {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: span.trace_flags(),
            session: None,
            scope: None,
        }
    }
}
