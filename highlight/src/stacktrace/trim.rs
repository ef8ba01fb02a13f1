//! Which frames tell the application's story, and which only how the report was made.
//!
//! Files are asked as well as names: built with `debug = "line-tables-only"`, a function is called `poll`
//! and no more, and only its file tells whose it is.

use super::{
    Frame, MAX_FRAMES,
    origin::{forward_slashes, is_rust, is_std, package},
    resolve::Symbol,
};

/// Crates whose frames say only that an error was being reported: ours, and those that carry it to us.
const REPORTING: [&str; 18] = [
    "anyhow",
    "eyre",
    "color_eyre",
    "stable_eyre",
    "highlight",
    "highlight_axum",
    "highlight_actix",
    "highlight_log",
    "backtrace",
    "log",
    "opentelemetry",
    "opentelemetry_sdk",
    "tracing",
    "tracing_core",
    "tracing_log",
    "tracing_opentelemetry",
    "tracing_subscriber",
    "__rustc",
];

/// Paths of the standard library that say nothing wherever they stand: panicking, shims, conversions, start-up.
const MACHINERY: [&str; 11] = [
    "core::future::",
    "core::convert::",
    "core::ops::function::",
    "core::ops::try_trait::",
    "core::panic::",
    "core::panicking::",
    "std::backtrace::",
    "std::panic::",
    "std::panicking::",
    "std::rt::",
    "std::sys::backtrace::",
];

/// Where the same is written, below the standard library's folder.
const MACHINERY_FILES: [&str; 11] = [
    "/core/src/future/",
    "/core/src/convert/",
    "/core/src/ops/function.rs",
    "/core/src/ops/try_trait.rs",
    "/core/src/panic/",
    "/core/src/panicking.rs",
    "/std/src/backtrace.rs",
    "/std/src/panic.rs",
    "/std/src/panicking.rs",
    "/std/src/rt.rs",
    "/std/src/sys/backtrace.rs",
];

/// C symbols that start a process or a thread, or a panic; they can have a file where libc's is installed.
const SHIMS: [&str; 18] = [
    "_start",
    "__clone",
    "__clone3",
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__rust_start_panic",
    "__rust_try",
    "_pthread_start",
    "clone",
    "clone3",
    "main",
    "rust_begin_unwind",
    "rust_panic",
    "start_thread",
    "thread_start",
    "BaseThreadInitThunk",
    "RtlUserThreadStart",
];

/// What a frame is to the reader of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The panic's end marker: what is inside of it, hooks included, is the report.
    EndMarker,
    /// The runtime's begin marker: what is outside of it started the thread.
    BeginMarker,
    /// The report, a shim, or start-up: left out wherever it stands.
    Noise,
    /// The standard library: left out where it is innermost, since nobody looks for their error there.
    Std,
    /// Everything else.
    Code,
}

impl Part {
    /// Reads a demangled symbol and the file it is in.
    pub(super) fn of(symbol: &str, file: Option<&str>) -> Self {
        if symbol.contains("__rust_end_short_backtrace") {
            return Self::EndMarker;
        }
        if symbol.contains("__rust_begin_short_backtrace") {
            return Self::BeginMarker;
        }
        let file = forward_slashes(file.unwrap_or_default());
        let subject = subject(symbol);
        let in_std = is_std(&file);
        // Our own unit tests stand for an application, though they live in this crate.
        let our_test = cfg!(test) && symbol.contains("::tests::");
        let reports = !our_test
            && (root(subject).is_some_and(|name| REPORTING.contains(&name))
                || package(&file).is_some_and(|name| REPORTING.contains(&name.as_str())));
        let machinery = MACHINERY.iter().any(|path| subject.starts_with(path))
            || in_std
                && (symbol.contains(" as core::ops::function::Fn")
                    || MACHINERY_FILES.iter().any(|part| file.contains(part)));
        // An application's `main` can have no more than that name, but it is written in Rust.
        let shim = SHIMS.contains(&symbol) && (in_std || !is_rust(&file));
        if reports || machinery || shim {
            Self::Noise
        } else if in_std {
            Self::Std
        } else {
            Self::Code
        }
    }
}

/// Keeps the frames worth showing, innermost first; all of Rust's that have a file if none would be left.
pub(super) fn frames(symbols: &[&Symbol]) -> Vec<Frame> {
    let inner = symbols
        .iter()
        .position(|symbol| symbol.part == Part::EndMarker)
        .map_or(0, |marker| marker + 1);
    let story = &symbols[inner..];
    let outer = story
        .iter()
        .position(|symbol| symbol.part == Part::BeginMarker)
        .unwrap_or(story.len());
    let kept: Vec<_> = story[..outer]
        .iter()
        .filter(|symbol| matches!(symbol.part, Part::Std | Part::Code))
        .skip_while(|symbol| symbol.part == Part::Std)
        .filter_map(|symbol| frame(symbol))
        .take(MAX_FRAMES)
        .collect();
    if kept.is_empty() {
        let with_file = symbols.iter().filter_map(|symbol| frame(symbol));
        let rust = with_file.filter(|frame| is_rust(&frame.file));
        return rust.take(MAX_FRAMES).collect();
    }
    kept
}

fn frame(symbol: &Symbol) -> Option<Frame> {
    Some(Frame {
        function: symbol.function.clone(),
        file: symbol.file.clone()?,
        line: symbol.line,
        in_app: symbol.in_app,
    })
}

/// The path a symbol is about: its own, or the trait's where the type is the standard library's or a parameter.
fn subject(symbol: &str) -> &str {
    let own = bare(symbol);
    match root(own) {
        Some(root) if !["alloc", "core", "std"].contains(&root) => own,
        _ => implemented_trait(symbol).unwrap_or(own),
    }
}

/// The crate a path starts with; none for a type parameter, a primitive type or a C symbol.
fn root(path: &str) -> Option<&str> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    path[end..].starts_with("::").then(|| &path[..end])
}

/// Takes brackets, references and keywords off the front of a type.
fn bare(path: &str) -> &str {
    let mut rest = path;
    loop {
        let next = rest.trim_start_matches(['<', '&', '*', '(', '[']);
        let next = ["mut ", "dyn ", "const "]
            .iter()
            .find_map(|keyword| next.strip_prefix(keyword))
            .unwrap_or(next);
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// The trait's path in `<Type as path::Trait>::method`.
fn implemented_trait(symbol: &str) -> Option<&str> {
    let mut depth = 0_u32;
    let mut before = ' ';
    for (at, c) in symbol.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of a function type, which older symbols write `.>`.
            '>' if matches!(before, '-' | '.') => {}
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return None;
        }
        if depth == 1 && symbol[at..].starts_with(" as ") {
            return Some(bare(&symbol[at + " as ".len()..]));
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests;
