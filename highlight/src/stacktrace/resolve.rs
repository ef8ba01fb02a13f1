//! Addresses to symbols, remembered, since the same errors come back.

use std::{collections::HashMap, fmt::Write, ptr, sync::Arc};

use backtrace::SymbolName;

use super::{
    RawStack, StackTrace,
    line::printable,
    name, origin,
    trim::{self, Part},
};

/// How many addresses are remembered before all are forgotten.
const MAX_KNOWN: usize = 4_096;

/// One function at an address: what the debug information tells, and what [`trim`] makes of it.
#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) function: String,
    pub(super) file: Option<String>,
    pub(super) line: u32,
    pub(super) part: Part,
    pub(super) in_app: bool,
}

/// Turns captured stacks into traces, and remembers what each address stood for.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: HashMap<u64, Arc<[Symbol]>>,
}

impl Resolver {
    /// A resolver that knows no address yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Looks the addresses up, inlined calls included, and trims.
    ///
    /// It stops at the frame that started the thread: what is outside of it would be trimmed, and looking
    /// it up would read the C library's debug information, several times the work of all else.
    ///
    /// The first lookup in a process reads the program's debug information, which takes milliseconds and
    /// holds up captures on other threads meanwhile where these take the same lock: on Windows.
    pub(crate) fn resolve(&mut self, raw: &RawStack) -> StackTrace {
        let mut found = Vec::new();
        for ip in raw.ips() {
            let symbols = self.symbols(*ip);
            let starts_thread = symbols
                .iter()
                .any(|symbol| symbol.part == Part::BeginMarker);
            found.push(symbols);
            if starts_thread {
                break;
            }
        }
        let symbols: Vec<_> = found.iter().flat_map(|symbols| symbols.iter()).collect();
        StackTrace {
            frames: trim::frames(&symbols),
        }
    }

    fn symbols(&mut self, ip: u64) -> Arc<[Symbol]> {
        if let Some(symbols) = self.known.get(&ip) {
            return Arc::clone(symbols);
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let symbols: Arc<[Symbol]> = look_up(ip).into_iter().map(Found::into_symbol).collect();
        self.known.insert(ip, Arc::clone(&symbols));
        symbols
    }
}

/// What a lookup tells, copied out and not yet read.
struct Found {
    mangled: Vec<u8>,
    file: Option<String>,
    line: u32,
}

/// Asks the debug information about one return address; the lookup itself steps back into the call.
///
/// `backtrace` holds a process-wide lock here, which a panic would poison for every later capture, so the
/// callback only copies.
fn look_up(ip: u64) -> Vec<Found> {
    let mut found = Vec::new();
    let Ok(ip) = usize::try_from(ip) else {
        return found;
    };
    backtrace::resolve(ptr::without_provenance_mut(ip), |symbol| {
        found.push(Found {
            mangled: symbol
                .name()
                .map_or_else(Vec::new, |name| name.as_bytes().to_vec()),
            file: symbol
                .filename()
                .map(|path| printable(&path.to_string_lossy())),
            line: symbol.lineno().unwrap_or_default(),
        });
    });
    found
}

impl Found {
    fn into_symbol(self) -> Symbol {
        let mut function = String::new();
        // The alternate form leaves the hash out. A symbol that fails to demangle halfway keeps what was written.
        let _ = write!(function, "{:#}", SymbolName::new(&self.mangled));
        let file = self.file.as_deref();
        Symbol {
            part: Part::of(&function, file),
            in_app: file.is_some_and(origin::is_app),
            function: name::clean(&function),
            file: self.file,
            line: self.line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_KNOWN, RawStack, Resolver};

    #[test]
    fn what_is_remembered_equals_what_was_found() {
        let raw = RawStack::capture();
        let mut resolver = Resolver::new();
        let found = resolver.resolve(&raw);
        assert!(!found.frames.is_empty());
        assert!(found.frames.len() < resolver.known.len());
        assert!(
            resolver.known.len() < raw.ips().len(),
            "the thread's start is not looked up"
        );
        assert_eq!(resolver.resolve(&raw), found);
        assert_eq!(Resolver::new().resolve(&raw), found);
    }

    #[test]
    fn addresses_without_symbols_make_no_frames() {
        let raw = RawStack::from_ips(vec![0, 1, 4_096, u64::MAX]);
        assert_eq!(Resolver::new().resolve(&raw).frames, []);
    }

    #[test]
    fn memory_is_bounded() {
        let mut resolver = Resolver::new();
        for ip in 0..2 * MAX_KNOWN as u64 {
            resolver.known.insert(ip, [].into());
            if ip % 256 == 0 {
                resolver.symbols(u64::MAX - ip);
                assert!(resolver.known.len() <= MAX_KNOWN);
            }
        }
    }
}
