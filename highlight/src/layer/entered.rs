//! The spans that are entered on this thread, and their contexts.

use std::cell::RefCell;

use opentelemetry::{Context, ContextGuard};
use tracing::span::Id;

use super::request::RequestSpan;
use crate::owner::Owner;

#[derive(Debug)]
struct Entered {
    span: Which,
    owner: Owner,
    /// Goes back to the context before when it is dropped.
    context: ContextGuard,
}

#[derive(Debug)]
enum Which {
    Id(Id),
    /// A request's, which is here while it is entered.
    Request(RequestSpan),
}

thread_local! {
    static ENTERED: RefCell<Vec<Entered>> = {
        // What uses OpenTelemetry's thread-local when it is dropped has to be made after that one, to be dropped before it.
        crate::context::is_reachable();
        RefCell::default()
    };
}

/// Makes the span's context the current one.
#[inline]
pub(super) fn enter(id: &Id, owner: Owner, context: Context) {
    // On a thread that is being torn down neither OpenTelemetry's thread-local nor ours can be used.
    if crate::context::is_reachable() {
        let entered = Entered {
            span: Which::Id(id.clone()),
            owner,
            context: context.attach(),
        };
        let _ = ENTERED.try_with(|stack| stack.borrow_mut().push(entered));
    }
}

/// Goes back to the context before.
#[inline]
pub(super) fn exit(id: &Id, owner: Owner) {
    let left = remove(|entered| {
        entered.owner == owner && matches!(&entered.span, Which::Id(entered) if entered == id)
    });
    // Dropped when nothing is borrowed any more: the context may be a span's last.
    drop(left);
}

/// Makes the context of a request's span the current one, and takes the span. Gives it back where that cannot be.
#[inline]
pub(crate) fn enter_request(span: RequestSpan, owner: Owner) -> Result<(), RequestSpan> {
    if !crate::context::is_reachable() {
        return Err(span);
    }
    let context = span.context.clone().attach();
    let mut span = Some(span);
    let _ = ENTERED.try_with(|stack| {
        stack.borrow_mut().extend(span.take().map(|span| Entered {
            span: Which::Request(span),
            owner,
            context,
        }));
    });
    span.map_or(Ok(()), Err)
}

/// Goes back to the context before, and gives the request's span back that was entered last.
#[inline]
pub(crate) fn exit_request() -> Option<RequestSpan> {
    let left = remove(|entered| matches!(entered.span, Which::Request(_)))?;
    drop(left.context);
    match left.span {
        Which::Request(span) => Some(span),
        Which::Id(_) => None,
    }
}

/// Takes out the innermost that `is_it`.
#[inline]
fn remove(is_it: impl Fn(&Entered) -> bool) -> Option<Entered> {
    let remove = |stack: &RefCell<Vec<Entered>>| {
        let mut stack = stack.borrow_mut();
        // Nearly always it is the last.
        if stack.last().is_some_and(&is_it) {
            return stack.pop();
        }
        let at = stack.iter().rposition(&is_it)?;
        Some(stack.remove(at))
    };
    ENTERED.try_with(remove).ok()?
}

/// The first that `look` finds something in, from the innermost of the spans outwards. Nothing is borrowed while it looks.
pub(super) fn innermost<T>(owner: Owner, mut look: impl FnMut(&Id) -> Option<T>) -> Option<T> {
    let mut outside = usize::MAX;
    loop {
        let next = |stack: &RefCell<Vec<Entered>>| below(&mut stack.borrow_mut(), owner, outside);
        let (at, id) = ENTERED.try_with(next).ok()??;
        if let Some(found) = look(&id) {
            return Some(found);
        }
        outside = at;
    }
}

/// The innermost of the spans outside of that place, and where it is.
#[inline]
fn below(stack: &mut [Entered], owner: Owner, place: usize) -> Option<(usize, Id)> {
    let outer = stack.iter_mut().enumerate().take(place).rev();
    let mut own = outer.filter(|(_, entered)| entered.owner == owner);
    own.find_map(|(at, entered)| {
        let id = match &mut entered.span {
            Which::Id(id) => id,
            Which::Request(span) => span.id()?,
        };
        Some((at, id.clone()))
    })
}
