//! How a span begins: below which parent, in which session, under which ids, and whether at all.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry_sdk::trace::IdGenerator as _;

use super::Draft;
use crate::context::Ambient;
use crate::ids::Ids;
use crate::owner::Owner;
use crate::sampling::Sampling;

/// What a span is from its beginning on.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) context: SpanContext,
    pub(super) parent: SpanId,
    pub(super) parent_is_remote: bool,
}

impl Default for Begun {
    fn default() -> Self {
        Begun {
            context: SpanContext::NONE,
            parent: SpanId::INVALID,
            parent_is_remote: false,
        }
    }
}

/// A span that was made before the session was there, as in `with_session(session, job.instrument(span))`, begins inside of it.
/// `ambient` is what `parent` has. Where the process has several SDKs, its context says which one made it.
#[inline]
pub(super) fn inside_the_session(
    parent: Context,
    mut ambient: Ambient,
    owner: Owner,
) -> (Context, Ambient) {
    let mut changed = false;
    if ambient.session().is_none() && crate::context::is_in_a_session() {
        let present = crate::context::current(Ambient::of).unwrap_or_default();
        if let Some(session) = present.session() {
            let scope = present.scope().or(ambient.scope()).cloned();
            ambient = ambient.with_session(Some(session.clone()));
            ambient = ambient.with_scope(scope);
            changed = true;
        }
    }
    if let Some(owner) = owner.mark(&ambient) {
        ambient = ambient.with_owner(owner);
        changed = true;
    }
    if changed {
        (parent.with_value(ambient.clone()), ambient)
    } else {
        (parent, ambient)
    }
}

impl Begun {
    #[inline]
    pub(super) fn below(parent: &Context, draft: &Draft, sampling: &Sampling) -> Self {
        let above = parent.span();
        let above = above.span_context();
        let has_parent = above.is_valid();
        let trace_id = if has_parent {
            above.trace_id()
        } else {
            Ids::default().new_trace_id()
        };
        let known = has_parent.then_some(above);
        let sampled = !parent.is_telemetry_suppressed()
            && sampling.takes(known, trace_id, draft.name.as_str(), &draft.kind);
        let flags = if sampled {
            above.trace_flags().with_sampled(true)
        } else {
            TraceFlags::default()
        };
        let state = known.map_or(TraceState::NONE, |above| above.trace_state().clone());
        let span_id = Ids::default().new_span_id();
        Begun {
            context: SpanContext::new(trace_id, span_id, flags, false, state),
            parent: above.span_id(),
            parent_is_remote: has_parent && above.is_remote(),
        }
    }
}
