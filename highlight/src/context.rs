//! What ties a record to its request: trace, span and session, taken from an OpenTelemetry context.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use crate::export::note::Trace;
use crate::owner::Owner;
use crate::scope::Scope;
use crate::session::Session;

thread_local! {
    /// Alive while OpenTelemetry's own thread-local is: touching that one first makes its destructor run after ours.
    static ALIVE: () = Context::map_current(|_| ());
}

/// False on a thread that is being torn down, where asking OpenTelemetry would panic.
#[inline]
pub(crate) fn is_reachable() -> bool {
    ALIVE.try_with(|()| ()).is_ok()
}

/// Looks at the current context. None where it is not [reachable](is_reachable).
#[inline]
pub(crate) fn current<T>(look: impl FnOnce(&Context) -> T) -> Option<T> {
    is_reachable().then(|| Context::map_current(look))
}

/// Whether any context ever had a session. Where none had, nobody has to ask.
static SESSIONS: AtomicBool = AtomicBool::new(false);

/// Whether the current context is a session's.
#[inline]
pub(crate) fn is_in_a_session() -> bool {
    SESSIONS.load(Ordering::Relaxed) && is_current_of_a_session()
}

#[inline(never)]
fn is_current_of_a_session() -> bool {
    current(has_session).unwrap_or(false)
}

fn has_session(context: &Context) -> bool {
    let ambient = context.get::<Ambient>();
    ambient.is_some_and(|ambient| ambient.session().is_some())
}

/// What we put into an OpenTelemetry context: one value, so that a record finds all of it with one look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ambient(Option<Arc<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    session: Option<Session>,
    /// Made when somebody first puts something into it, or is to share it: most requests go without.
    scope: Option<OnceLock<Scope>>,
    owner: Option<Owner>,
}

impl Clone for Parts {
    fn clone(&self) -> Self {
        let shared = |scope: &OnceLock<Scope>| scope.get_or_init(Scope::default).clone();
        Parts {
            session: self.session.clone(),
            scope: self.scope.as_ref().map(shared).map(OnceLock::from),
            owner: self.owner,
        }
    }
}

impl Ambient {
    /// What `context` has of ours.
    pub(crate) fn of(context: &Context) -> Self {
        context.get::<Ambient>().cloned().unwrap_or_default()
    }

    /// Of a request, which has a scope of its own.
    #[inline]
    pub(crate) fn new(session: Option<Session>) -> Self {
        note(session.as_ref());
        Ambient(Some(Arc::new(Parts {
            session,
            scope: Some(OnceLock::new()),
            owner: None,
        })))
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.0.as_ref()?.session.as_ref()
    }

    /// To put something into it.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        let scope = self.0.as_ref()?.scope.as_ref()?;
        Some(scope.get_or_init(Scope::default))
    }

    /// To see what is in it; none where nothing was ever put there.
    #[inline]
    pub(crate) fn used_scope(&self) -> Option<&Scope> {
        self.0.as_ref()?.scope.as_ref()?.get()
    }

    fn has_scope(&self) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.scope.is_some())
    }

    pub(crate) fn owner(&self) -> Option<Owner> {
        self.0.as_ref()?.owner
    }

    pub(crate) fn with_session(mut self, session: Option<Session>) -> Self {
        note(session.as_ref());
        self.parts().session = session;
        self
    }

    pub(crate) fn with_scope(mut self, scope: Option<Scope>) -> Self {
        self.parts().scope = scope.map(OnceLock::from);
        self
    }

    pub(crate) fn with_owner(mut self, owner: Owner) -> Self {
        self.parts().owner = Some(owner);
        self
    }

    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

#[inline]
fn note(session: Option<&Session>) {
    if session.is_some() && !SESSIONS.load(Ordering::Relaxed) {
        SESSIONS.store(true, Ordering::Relaxed);
    }
}

/// Runs `future` with what `add` makes of the context it is awaited in, so that callers nest in any order and under a span; or, where
/// that has nothing of ours, as in a task just spawned, of the one of this call.
pub(crate) fn carrying<F>(
    add: impl FnOnce(Ambient) -> Ambient,
    future: F,
) -> impl Future<Output = F::Output>
where
    F: Future,
{
    let called_in = current(Context::clone).unwrap_or_default();
    async move {
        let awaited_in = current(Context::clone).filter(is_ours);
        let context = awaited_in.unwrap_or(called_in);
        let ambient = add(Ambient::of(&context));
        future.with_context(context.with_value(ambient)).await
    }
}

fn is_ours(context: &Context) -> bool {
    let ambient = context.get::<Ambient>();
    context.has_active_span()
        || ambient.is_some_and(|ours| ours.session().is_some() || ours.has_scope())
}

/// The ids a record carries.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) ambient: Ambient,
}

impl Default for Correlation {
    fn default() -> Self {
        Correlation {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            flags: TraceFlags::NOT_SAMPLED,
            ambient: Ambient::default(),
        }
    }
}

impl Correlation {
    /// Of the current context. User code must not run inside [`current`]: this copies out and lets go.
    #[inline]
    pub(crate) fn current() -> Self {
        current(Correlation::of).unwrap_or_default()
    }

    /// Of the current context, where that is a session's.
    pub(crate) fn in_a_session() -> Option<Self> {
        let of_a_session =
            |context: &Context| has_session(context).then(|| Correlation::of(context));
        current(of_a_session).flatten()
    }

    pub(crate) fn of(context: &Context) -> Self {
        let ambient = Ambient::of(context);
        if !context.has_active_span() {
            return Correlation {
                ambient,
                ..Correlation::default()
            };
        }
        let span = context.span();
        Correlation {
            ambient,
            ..Correlation::from(span.span_context())
        }
    }

    /// The same ids on behalf of another session.
    pub(crate) fn with_session(self, session: Option<Session>) -> Self {
        let ambient = self.ambient.with_session(session);
        Correlation { ambient, ..self }
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.ambient.session()
    }

    pub(crate) fn has_trace(&self) -> bool {
        self.trace_id != TraceId::INVALID
    }

    pub(crate) fn trace(&self) -> Option<Trace> {
        self.has_trace().then_some(Trace {
            id: self.trace_id,
            span: self.span_id,
            flags: self.flags,
        })
    }
}

impl From<&SpanContext> for Correlation {
    fn from(span: &SpanContext) -> Self {
        Correlation {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: span.trace_flags(),
            ambient: Ambient::default(),
        }
    }
}
