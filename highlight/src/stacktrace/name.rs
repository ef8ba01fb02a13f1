//! Symbol names the backend can group by: the same in every build, and without dots.

use super::line::cut;

/// Bytes kept of a symbol: generic ones can run to many kilobytes.
const MAX_NAME: usize = 512;

/// Takes the hash and the compiler's suffix off a demangled symbol, and dots and line breaks out of it.
///
/// The backend reads what stands before the last dot as a Go package and drops it.
pub(super) fn clean(symbol: &str) -> String {
    let symbol = symbol
        .find(".llvm.")
        .map_or(symbol, |suffix| &symbol[..suffix]);
    let name = without_hash(symbol)
        .chars()
        .map(|c| match c {
            '.' => '_',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    cut(name, MAX_NAME)
}

/// Drops `::h` and 16 hexadecimal digits from the end.
fn without_hash(symbol: &str) -> &str {
    match symbol.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, clean};

    #[test]
    fn names_are_the_same_in_every_build() {
        for (symbol, name) in [
            ("app::pay", "app::pay"),
            ("app::pay::h0123456789abcdef", "app::pay"),
            ("app::pay::h0123456789abcdef.llvm.1234", "app::pay"),
            ("app::pay.llvm.98765432101234567890", "app::pay"),
            ("app::pay::h0123", "app::pay::h0123"),
            ("app::pay::hypothetical_name", "app::pay::hypothetical_name"),
            ("app::pay.cold.1", "app::pay_cold_1"),
            ("app::pay::{{closure}}", "app::pay::{{closure}}"),
            (
                "core::ops::function::FnOnce::call_once{{vtable.shim}}",
                "core::ops::function::FnOnce::call_once{{vtable_shim}}",
            ),
            (
                "<app::Pay<fn() .> u8> as app::Task>::run",
                "<app::Pay<fn() _> u8> as app::Task>::run",
            ),
            ("app::two\n\tlines", "app::two  lines"),
        ] {
            assert_eq!(clean(symbol), name);
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = clean(&"app::Generic<".repeat(1_000));
        assert!(name.len() <= MAX_NAME && name.ends_with('…'), "{name}");
    }
}
