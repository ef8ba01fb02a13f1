//! Stack traces: addresses taken where an error happens, turned into frames and text on the worker.
//!
//! [`RawStack::capture`] walks the stack and keeps instruction pointers, nothing else. Later, off the
//! caller's path, a [`Resolver`] looks them up, [`trim`] takes away what is not the application's story,
//! and the frames of the resulting [`StackTrace`] are written as [`text`] and as [`structured`] JSON.

mod line;
pub(crate) mod modules;
mod name;
mod origin;
mod printed;
mod resolve;
mod source;
mod structured;
mod text;
mod trim;
/// Where the rules of unwinding are known; elsewhere the platform's unwinder does all.
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod walk;

use smallvec::SmallVec;

pub(crate) use self::{
    resolve::Resolver,
    source::SourceLines,
    structured::Entries,
    text::{Lines, StackForm},
};

/// How many instruction pointers a stack keeps, innermost first.
const MAX_IPS: usize = 256;

/// How many frames a trace keeps, innermost first.
const MAX_FRAMES: usize = 64;

/// Where a thread stood, as instruction pointers, innermost first.
///
/// They mean something in this process only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct RawStack {
    ips: Vec<u64>,
}

impl RawStack {
    /// Takes the calling thread's stack, at most 256 addresses of it.
    ///
    /// Nothing is looked up, and nothing is allocated while the stack is walked unless it is deep, so a panic hook may call
    /// this too.
    #[inline(never)]
    pub(crate) fn capture() -> Self {
        let mut ips = Ips::new();
        ips.walk();
        Self::from_ips(ips.into_vec())
    }

    /// Takes back what [`ips`](Self::ips) gave, from a span event's attribute for instance.
    pub(crate) fn from_ips(mut ips: Vec<u64>) -> Self {
        ips.truncate(MAX_IPS);
        Self { ips }
    }

    /// The return addresses, innermost first, as the unwinder gave them: each stands one instruction past
    /// its call, and the lookup steps back.
    pub(crate) fn ips(&self) -> &[u64] {
        &self.ips
    }
}

/// The addresses of a walk under way. Few need no allocation, and most stacks are not deep.
#[derive(Debug)]
pub(crate) struct Ips(SmallVec<[u64; FIRST_IPS]>);

const FIRST_IPS: usize = 32;

impl Ips {
    #[inline]
    pub(crate) fn new() -> Self {
        Ips(SmallVec::new())
    }

    /// Takes the calling thread's stack, as [`RawStack::capture`] does, into what is empty.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the first frame is to be that of the function that captures"
    )]
    pub(crate) fn walk(&mut self) {
        if !walk_fast(|ip| self.push(ip)) {
            *self = Ips::new();
            walk_by_platform(|frame| self.push(frame.ip().addr() as u64));
        }
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// True while there is room for more.
    #[inline]
    fn push(&mut self, ip: u64) -> bool {
        self.0.push(ip);
        self.0.len() < MAX_IPS
    }

    fn into_vec(self) -> Vec<u64> {
        let mut ips = self.0.into_vec();
        ips.shrink_to_fit();
        ips
    }
}

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
use walk::own_stack as walk_fast;

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn walk_fast(_: impl FnMut(u64) -> bool) -> bool {
    false
}

/// Walks the calling thread's stack with the platform's unwinder.
///
/// `backtrace::trace` takes the lock under which the worker reads debug information: an error must not hold up its request for as
/// long as that takes.
#[cfg(not(windows))]
#[expect(
    unsafe_code,
    reason = "the synchronized way stalls the application's threads"
)]
fn walk_by_platform(see: impl FnMut(&backtrace::Frame) -> bool) {
    // SAFETY: the function's one demand is that its platform's unwinder is not entered by two threads at once where it cannot bear
    // that. Windows' dbghelp cannot; the unwinders of all other platforms keep their state on the stack they walk.
    unsafe { backtrace::trace_unsynchronized(see) }
}

#[cfg(windows)]
fn walk_by_platform(see: impl FnMut(&backtrace::Frame) -> bool) {
    backtrace::trace(see)
}

/// A stack as it was captured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stack {
    /// By us.
    Raw(RawStack),
    /// By another library, which prints it.
    Printed(String),
}

impl Stack {
    /// Memory behind it, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Stack::Raw(raw) => raw.ips.capacity() * size_of::<u64>(),
            Stack::Printed(text) => text.capacity(),
        }
    }

    /// Where it stood in the modules, for symbolising later.
    pub(crate) fn addresses(&self) -> String {
        match self {
            Stack::Raw(raw) => modules::addresses(raw),
            Stack::Printed(_) => String::new(),
        }
    }

    pub(crate) fn resolve(&self, resolver: &mut Resolver) -> StackTrace {
        match self {
            Stack::Raw(raw) => resolver.resolve(raw),
            Stack::Printed(text) => printed::read(text),
        }
    }
}

/// The frames of one error, innermost first, trimmed to what a reader wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackTrace {
    pub(crate) frames: Vec<Frame>,
}

/// One function call, inlined ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The demangled path, without hash, dots and line breaks.
    pub(crate) function: String,
    /// The source file, as the debug information names it.
    pub(crate) file: String,
    /// The line, counted from 1; 0 when unknown.
    pub(crate) line: u32,
    /// Whether the file is the application's, not a dependency's or the standard library's.
    pub(crate) in_app: bool,
}

#[cfg(test)]
mod tests;
