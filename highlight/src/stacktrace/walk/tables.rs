//! A rule as the compiler left it: the call frame information of the module that an address is in, read where it is loaded
//! (<https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html>).

use std::ffi::{c_int, c_void};
use std::slice;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, Error, NativeEndian, Pointer,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection as _,
    UnwindTableRow,
};

use super::native;
use super::rule::Rule;

/// DWARF's numbers of the registers a walk follows.
#[cfg(target_arch = "x86_64")]
const FRAME_POINTER: Register = Register(6);
#[cfg(target_arch = "x86_64")]
const STACK_POINTER: Register = Register(7);
#[cfg(target_arch = "aarch64")]
const FRAME_POINTER: Register = Register(29);
#[cfg(target_arch = "aarch64")]
const STACK_POINTER: Register = Register(31);

#[derive(Debug)]
pub(super) struct Found {
    pub(super) rule: Rule,
    /// How many modules were unloaded so far.
    pub(super) unloaded: u64,
}

/// Reads the rule for `address`. None when no module has it, or its module has no tables.
pub(super) fn look_up(address: u64) -> Option<Found> {
    let mut search = Search {
        address,
        seen: 0,
        unloaded: 0,
        module: None,
    };
    iterate(Some(see_module), &raw mut search);
    let module = search.module?;
    let rule = module.rule(address).unwrap_or(Rule::UNUSUAL);
    Some(Found {
        rule: if module.stays {
            rule
        } else {
            rule.unloadable()
        },
        unloaded: search.unloaded,
    })
}

/// How many modules were unloaded so far.
pub(super) fn unloaded() -> Option<u64> {
    let mut search = Search {
        address: 0,
        seen: 0,
        unloaded: 0,
        module: None,
    };
    iterate(Some(see_first), &raw mut search);
    (search.seen > 0).then_some(search.unloaded)
}

struct Search {
    address: u64,
    /// Modules that were looked at.
    seen: usize,
    unloaded: u64,
    module: Option<Module>,
}

struct Module {
    /// It is the program itself or the C library.
    stays: bool,
    /// The segment that the tables are in.
    tables: EndianSlice<'static, NativeEndian>,
    tables_at: u64,
    /// `.eh_frame_hdr`.
    index_at: u64,
    index: EndianSlice<'static, NativeEndian>,
    /// The rest of the segment from the address on.
    code: EndianSlice<'static, NativeEndian>,
}

type Callback =
    unsafe extern "C" fn(info: *mut libc::dl_phdr_info, size: usize, data: *mut c_void) -> c_int;

#[expect(unsafe_code, reason = "the system tells what is loaded where in C")]
fn iterate(callback: Option<Callback>, search: *mut Search) {
    // SAFETY: both callbacks take a `Search` as their data, and it outlives the call.
    unsafe { libc::dl_iterate_phdr(callback, search.cast()) };
}

#[expect(unsafe_code, reason = "called by C")]
unsafe extern "C" fn see_first(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    data: *mut c_void,
) -> c_int {
    // SAFETY: `iterate` gives a `Search` as data and `dl_iterate_phdr` valid information, both for the time of this call.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    search.seen += 1;
    search.unloaded = info.dlpi_subs;
    1
}

#[expect(unsafe_code, reason = "called by C")]
unsafe extern "C" fn see_module(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    data: *mut c_void,
) -> c_int {
    // SAFETY: as in `see_first`.
    let (info, search) = unsafe { (&*info, &mut *data.cast::<Search>()) };
    search.seen += 1;
    search.unloaded = info.dlpi_subs;
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the loader keeps the program headers of a loaded module in memory.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let loaded = |wanted: u64| {
        headers.iter().find_map(|header| {
            let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
            let inside = wanted.wrapping_sub(start) < header.p_memsz;
            let readable = header.p_flags & libc::PF_R != 0;
            (header.p_type == libc::PT_LOAD && inside && readable)
                .then_some((start, header.p_memsz))
        })
    };
    let Some((code_at, code_size)) = loaded(search.address) else {
        return 0;
    };
    let index = headers
        .iter()
        .find(|header| header.p_type == libc::PT_GNU_EH_FRAME);
    if let Some(index) = index {
        let index_at = info.dlpi_addr.wrapping_add(index.p_vaddr);
        if let Some((tables_at, size)) = loaded(index_at)
            && index_at - tables_at + index.p_memsz <= size
        {
            // The program comes first. The C library is where its functions are.
            let in_libc = loaded(libc::pthread_getattr_np as *const () as u64).is_some();
            let module = Module {
                stays: search.seen == 1 || in_libc,
                tables: memory(tables_at, size),
                tables_at,
                index_at,
                index: memory(index_at, index.p_memsz),
                code: memory(search.address, code_at + code_size - search.address),
            };
            search.module = Some(module);
        }
    }
    1
}

/// Memory of a loaded module.
#[expect(unsafe_code, reason = "the tables are read where they are loaded")]
fn memory(at: u64, size: u64) -> EndianSlice<'static, NativeEndian> {
    let start = std::ptr::with_exposed_provenance::<u8>(native(at));
    // SAFETY: the bytes are those of a segment that the loader has mapped for reading, as its program header says; tables of unwind
    // information are not written to. The module stays, since code of it is on the stack that is being walked.
    EndianSlice::new(
        unsafe { slice::from_raw_parts(start, native(size)) },
        NativeEndian,
    )
}

/// Room for the registers that a function saves, without allocating: an error may be reported from anywhere.
struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); 48];
    type Stack = [UnwindTableRow<usize, Self>; 3];
}

impl Module {
    /// True where a signal's handler returns to: what is outside of it, the platform's unwinder knows by this code.
    fn returns_from_a_signal(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        // mov rax, 15; syscall
        const CODE: [u8; 9] = [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 5];
        #[cfg(target_arch = "aarch64")]
        // mov x8, #139; svc #0
        const CODE: [u8; 8] = [0x68, 0x11, 0x80, 0xd2, 1, 0, 0, 0xd4];
        let code = self.code.slice();
        // The address may be the byte before.
        code.starts_with(&CODE) || code.get(1..).is_some_and(|code| code.starts_with(&CODE))
    }

    fn rule(&self, address: u64) -> Option<Rule> {
        let bases = BaseAddresses::default()
            .set_eh_frame_hdr(self.index_at)
            .set_eh_frame(self.tables_at);
        let index = EhFrameHdr::from(self.index).parse(&bases, 8).ok()?;
        let Pointer::Direct(tables) = index.eh_frame_ptr() else {
            return None;
        };
        let skipped = usize::try_from(tables.checked_sub(self.tables_at)?).ok()?;
        let tables_bytes = self.tables.slice().get(skipped..)?;
        let bases = bases.set_eh_frame(tables);
        let tables = EhFrame::new(tables_bytes, NativeEndian);
        let entry =
            index
                .table()?
                .fde_for_address(&tables, &bases, address, EhFrame::cie_from_offset);
        let entry = match entry {
            // Where the tables say nothing, as of musl's start of a thread, the platform's unwinder ends too.
            Err(Error::NoUnwindInfoForAddress) if !self.returns_from_a_signal() => {
                return Some(Rule::OUTERMOST);
            }
            entry => entry.ok()?,
        };
        if entry.is_signal_trampoline() {
            return None;
        }
        let mut context = UnwindContext::<_, OnStack>::new_in();
        let row = entry
            .unwind_info_for_address(&tables, &bases, &mut context, address)
            .ok()?;
        let return_address = row.register(entry.cie().return_address_register());
        if return_address == Some(RegisterRule::Undefined) {
            return Some(Rule::OUTERMOST);
        }
        let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else {
            return None;
        };
        let frame_pointer = match row.register(FRAME_POINTER) {
            None | Some(RegisterRule::SameValue) => None,
            Some(rule) => Some(below(&rule)?),
        };
        let from_frame_pointer = match register {
            FRAME_POINTER => true,
            STACK_POINTER => false,
            _ => return None,
        };
        Rule::new(
            from_frame_pointer,
            offset,
            frame_pointer,
            below(&return_address?)?,
        )
    }
}

/// How far below the frame's end a register is saved.
fn below(rule: &RegisterRule<usize>) -> Option<i64> {
    match rule {
        RegisterRule::Offset(offset) => offset.checked_neg(),
        _ => None,
    }
}
