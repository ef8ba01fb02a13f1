//! The calling thread's return addresses, by rules that are remembered.
//!
//! The platform's unwinder reads its tables anew for every frame of every walk: about a thousand instructions a frame, and cold caches
//! for a thread that slept. Where a frame's caller is found depends on the address alone, so it is read from the tables once and kept
//! in 64 bits ([`rule`]), where all threads find it ([`known`]).
//!
//! A walk that meets anything unusual gives up, and the platform's unwinder does it all: a stack that is not the thread's own (fibers,
//! signal stacks), code without tables, rules that do not fit. Nothing outside of the thread's stack is read, whatever the tables say.

mod known;
mod rule;
mod tables;
mod thread;

use self::rule::Caller;
use self::thread::OwnStack;

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
struct Registers {
    ip: u64,
    sp: u64,
    fp: u64,
}

/// Shows the return addresses to `see`, innermost first, until it has seen enough. False when the walk did not get to the end of the
/// stack: what was seen is not to be used then.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the registers are those of the caller, whose frame is the first"
)]
pub(super) fn own_stack(see: impl FnMut(u64) -> bool) -> bool {
    walk(thread::registers(), see)
}

#[inline(never)]
fn walk(mut at: Registers, mut see: impl FnMut(u64) -> bool) -> bool {
    let Some(stack) = OwnStack::around(at.sp) else {
        return false;
    };
    let (mut unloadable, unloaded) = (false, known::unloaded());
    let mut rules = known::Rules::default();
    // The first address is where the thread stands, the others are behind calls, which may be the last of their functions.
    let mut behind = 0;
    loop {
        if !see(at.ip) {
            break;
        }
        let Some(rule) = rules.of(at.ip.wrapping_sub(behind)) else {
            return false;
        };
        behind = 1;
        unloadable |= rule.is_unloadable();
        match rule.caller(at, &stack) {
            Caller::At(caller) => at = caller,
            Caller::None => break,
            Caller::Lost => return false,
        }
    }
    // A module that is gone may have left its rules to the one in its place.
    !unloadable || known::are_still_valid(unloaded)
}

/// An address, or a size in memory, as Rust counts it.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "where this is compiled, addresses have 64 bits"
)]
fn native(number: u64) -> usize {
    number as usize
}

#[cfg(test)]
pub(super) mod tests;
