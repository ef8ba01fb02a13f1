//! The calling thread: its registers, and the bounds of its stack, inside which all reading stays.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

use super::{Registers, native};

/// The part of the thread's stack that is in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnStack {
    start: u64,
    end: u64,
}

thread_local! {
    /// Start and end of this thread's stack; both zero when they were not asked for yet. It has no destructor, so it is there until
    /// the thread's very end.
    static BOUNDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl OwnStack {
    /// From the stack pointer on. None when that is on another stack than the thread's own.
    #[inline]
    pub(super) fn around(sp: u64) -> Option<OwnStack> {
        let (mut start, mut end) = BOUNDS.get();
        if end == 0 {
            (start, end) = bounds()?;
            BOUNDS.set((start, end));
        }
        (start..end)
            .contains(&sp)
            .then_some(OwnStack { start: sp, end })
    }

    /// The word at `address`, when it is in the stack.
    #[inline]
    #[expect(unsafe_code, reason = "there is no safe way to read a stack")]
    pub(super) fn read(&self, address: u64) -> Option<u64> {
        let inside = address >= self.start && address <= self.end - 8 && address.is_multiple_of(8);
        let word = ptr::with_exposed_provenance::<u64>(native(address));
        // SAFETY: the word is aligned, and between the stack pointer and the outer end of the stack of this very thread. That is memory
        // of this process, and no other thread takes it away or writes to the frames of functions that have not returned.
        inside.then(|| unsafe { word.read_volatile() })
    }
}

/// Asks the system for the bounds of this thread's stack.
#[cold]
#[expect(unsafe_code, reason = "the system tells them in C")]
fn bounds() -> Option<(u64, u64)> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut start = ptr::null_mut();
    let mut size = 0;
    // SAFETY: the first call initialises the attributes when it answers zero, and only then they are read and given back.
    let failed = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let failed =
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        failed != 0
    };
    let start = start.addr() as u64;
    let end = start.checked_add(size as u64)?;
    (!failed && size >= 8).then_some((start, end))
}

/// Where the thread stands now.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the registers are to be those of the function that asks"
)]
#[expect(unsafe_code, reason = "registers are read in assembly")]
pub(super) fn registers() -> Registers {
    let (ip, sp, fp): (u64, u64, u64);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it copies registers, and touches neither memory nor flags.
    unsafe {
        std::arch::asm!(
            "lea {ip}, [rip]",
            "mov {sp}, rsp",
            "mov {fp}, rbp",
            ip = out(reg) ip,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "adr {ip}, .",
            "mov {sp}, sp",
            "mov {fp}, x29",
            ip = out(reg) ip,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    Registers { ip, sp, fp }
}
