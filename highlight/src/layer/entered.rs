//! The spans that are entered on this thread, and their contexts.

use std::cell::RefCell;

use opentelemetry::{Context, ContextGuard};
use tracing::span::Id;

use crate::owner::Owner;

#[derive(Debug)]
struct Entered {
    id: Id,
    owner: Owner,
    /// Goes back to the context before when it is dropped.
    _context: ContextGuard,
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
            id: id.clone(),
            owner,
            _context: context.attach(),
        };
        let _ = ENTERED.try_with(|stack| stack.borrow_mut().push(entered));
    }
}

/// Goes back to the context before.
#[inline]
pub(super) fn exit(id: &Id, owner: Owner) {
    let left = ENTERED.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let is_it = |entered: &Entered| entered.id == *id && entered.owner == owner;
        // Nearly always it is the last.
        if stack.last().is_some_and(is_it) {
            return stack.pop();
        }
        let at = stack.iter().rposition(is_it)?;
        Some(stack.remove(at))
    });
    // Dropped when nothing is borrowed any more: the context may be a span's last.
    drop(left);
}

/// The first that `look` finds something in, from the innermost of the spans outwards.
pub(super) fn innermost<T>(owner: Owner, mut look: impl FnMut(&Id) -> Option<T>) -> Option<T> {
    let find = |stack: &RefCell<Vec<Entered>>| {
        let stack = stack.borrow();
        let mut own = stack.iter().rev().filter(|entered| entered.owner == owner);
        own.find_map(|entered| look(&entered.id))
    };
    ENTERED.try_with(find).ok()?
}
