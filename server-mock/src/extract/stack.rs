//! Stack traces as text, in the form that Go prints and the backend can parse, to frames.

use serde_json::{Value, json};

/// One frame: where, in which function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u64,
}

impl Frame {
    /// Whether the frame is the application's own, not a dependency's or the standard library's.
    pub(super) fn in_app(&self) -> bool {
        let elsewhere = [
            "/.cargo/",
            "/cargo/registry/",
            "/registry/src/",
            "/git/checkouts/",
            "/rustc/",
            "/lib/rustlib/",
        ];
        !self.file.is_empty() && !elsewhere.iter().any(|part| self.file.contains(part))
    }
}

/// The frames of a stack trace, innermost first: a line with the function, then a line with a tab and `file:line`.
pub(super) fn parse(stacktrace: &str) -> Vec<Frame> {
    let lines: Vec<_> = stacktrace.lines().collect();
    let pairs = lines.windows(2).filter(|pair| !pair[0].starts_with('\t'));
    pairs
        .filter_map(|pair| frame(pair[0], pair[1].strip_prefix('\t')?))
        .collect()
}

fn frame(function: &str, place: &str) -> Option<Frame> {
    // Go adds the offset in the function behind the line number.
    let place = place.split_once(" +0x").map_or(place, |(place, _)| place);
    let (file, line) = place.rsplit_once(':')?;
    Some(Frame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: line.parse().ok()?,
    })
}

/// The frames that a structured stack trace, a JSON array of objects, tells of.
pub(super) fn parse_structured(json: &str) -> Option<Vec<Frame>> {
    let Value::Array(frames) = serde_json::from_str(json).ok()? else {
        return None;
    };
    let text = |frame: &Value, key| frame[key].as_str().unwrap_or_default().to_owned();
    let frames = frames.iter().map(|frame| Frame {
        function: text(frame, "functionName"),
        file: text(frame, "fileName"),
        line: frame["lineNumber"].as_u64().unwrap_or_default(),
    });
    Some(frames.collect())
}

/// Frames as the JSON array that table `errors` holds.
pub(super) fn to_json(frames: &[Frame]) -> String {
    let frames = frames.iter().map(|frame| {
        json!({ "functionName": frame.function, "fileName": frame.file, "lineNumber": frame.line })
    });
    Value::Array(frames.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(function: &str, file: &str, line: u64) -> Frame {
        Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line,
        }
    }

    #[test]
    fn the_go_form_is_read_frame_by_frame() {
        for (text, expected) in [
            (
                "\nboom: 1\nshop::pay\n\t/app/src/pay.rs:12\nshop::main\n\t/app/src/main.rs:3 +0x1d\nCaused by: x",
                vec![
                    named("shop::pay", "/app/src/pay.rs", 12),
                    named("shop::main", "/app/src/main.rs", 3),
                ],
            ),
            ("\nboom\nf\n\tno line\ng\n\ta.rs:x", vec![]),
            ("\nboom\nf\n\tC:\\a.rs:1", vec![named("f", "C:\\a.rs", 1)]),
            ("", vec![]),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn the_structured_form_is_read() {
        let json =
            r#"[{"functionName":"f","fileName":"a.rs","lineNumber":1,"lineContent":"x"},{}]"#;
        assert_eq!(
            parse_structured(json),
            Some(vec![named("f", "a.rs", 1), named("", "", 0)])
        );
        assert_eq!(parse_structured("{}"), None);
        assert_eq!(parse_structured("not json"), None);
    }

    #[test]
    fn dependencies_and_the_standard_library_are_not_in_app() {
        for (file, expected) in [
            ("/home/me/shop/src/pay.rs", true),
            ("src/pay.rs", true),
            ("/root/.cargo/registry/src/index/axum-0.8/src/lib.rs", false),
            ("/rustc/abc/library/core/src/panicking.rs", false),
            (
                "/opt/rust/lib/rustlib/src/rust/library/std/src/rt.rs",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(named("f", file, 1).in_app(), expected, "{file}");
        }
    }
}
