//! A stack that another library captured, read from the text that `std::backtrace` prints.

use super::{
    StackTrace,
    line::printable,
    name, origin,
    resolve::Symbol,
    trim::{self, Part},
};

/// A printed stack is read up to here, in frames.
const MAX_FRAMES_READ: usize = 512;

/// Reads lines such as `   3: shop::pay` and `             at ./src/pay.rs:12:5`, and trims as for our own stacks.
pub(crate) fn read(text: &str) -> StackTrace {
    let mut symbols: Vec<Symbol> = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(symbol) = symbols.last_mut() {
                locate(symbol, place);
            }
        } else if let Some((number, function)) = line.split_once(": ")
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && symbols.len() < MAX_FRAMES_READ
        {
            symbols.push(Symbol {
                function: function.trim().to_owned(),
                file: None,
                line: 0,
                part: Part::of(function, None),
                in_app: false,
            });
        }
    }
    for symbol in &mut symbols {
        symbol.function = name::clean(&symbol.function);
    }
    let symbols: Vec<_> = symbols.iter().collect();
    StackTrace {
        frames: trim::frames(&symbols),
    }
}

/// `file:line:column`, or `file:line`.
fn locate(symbol: &mut Symbol, place: &str) {
    let mut parts: Vec<&str> = place.trim().rsplitn(3, ':').collect();
    parts.reverse();
    let (file, line) = match parts[..] {
        [file, line, column] if column.parse::<u32>().is_ok() && line.parse::<u32>().is_ok() => {
            (file.to_owned(), line.parse().unwrap_or_default())
        }
        [drive, file, line] => (format!("{drive}:{file}"), line.parse().unwrap_or_default()),
        [file, line] => (file.to_owned(), line.parse().unwrap_or_default()),
        _ => return,
    };
    let file = printable(&file);
    if file.is_empty() {
        return;
    }
    symbol.part = Part::of(&symbol.function, Some(&file));
    symbol.in_app = origin::is_app(&file);
    symbol.file = Some(file);
    symbol.line = line;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_stack_is_read_and_trimmed() {
        let text = "   0: anyhow::error::<impl core::convert::From<E> for anyhow::Error>::from
             at /home/ann/.cargo/registry/src/index/anyhow-1.0.100/src/backtrace.rs:10:14
   1: shop::pay::{{closure}}
             at ./src/pay.rs:12:5
   2: shop::main
             at C:\\work\\shop\\src\\main.rs:30:9
   3: std::rt::lang_start
             at /rustc/abc/library/std/src/rt.rs:199:17
";
        let frames = read(text).frames;
        let seen: Vec<_> = frames
            .iter()
            .map(|frame| {
                (
                    frame.function.as_str(),
                    frame.file.as_str(),
                    frame.line,
                    frame.in_app,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("shop::pay::{{closure}}", "./src/pay.rs", 12, true),
                ("shop::main", "C:\\work\\shop\\src\\main.rs", 30, true),
            ]
        );
    }

    #[test]
    fn a_file_stays_on_its_line() {
        let frames = read("   0: shop::pay\n             at src/\tpay\u{0}.rs:12:5\n").frames;
        assert_eq!(frames[0].file, "src/ pay .rs");
    }

    #[test]
    fn text_that_is_no_stack_has_no_frames() {
        for text in [
            "",
            "disabled backtrace",
            "at nowhere",
            "12: ",
            "0: shop::pay\n  at :12:5",
            "x: y\n  at a:b:c:d",
        ] {
            assert!(read(text).frames.is_empty(), "{text}");
        }
    }
}
