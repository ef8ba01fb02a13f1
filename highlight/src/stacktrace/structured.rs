//! The stack as JSON, with the source around the application's own frames.

use serde::Serialize;

use super::{Frame, SourceLines, StackTrace, line::one_line};

/// Bytes of the whole JSON text: cut at 65,536 by the backend, it would not be JSON any more.
const MAX_JSON: usize = 60_000;

/// Bytes of the message, which every frame repeats.
const MAX_MESSAGE: usize = 512;

/// One element of the array, with the backend's own key names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    file_name: &'a str,
    line_number: u32,
    function_name: &'a str,
    error: &'a str,
    in_app: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines_after: Option<String>,
}

impl<'a> Entry<'a> {
    fn new(frame: &'a Frame, error: &'a str) -> Self {
        Self {
            file_name: &frame.file,
            line_number: frame.line,
            function_name: &frame.function,
            error,
            in_app: frame.in_app,
            line_content: None,
            lines_before: None,
            lines_after: None,
        }
    }

    fn with_source(mut self, source: &mut SourceLines) -> Option<Self> {
        let context = source.around(self.file_name, self.line_number)?;
        self.line_content = Some(context.line);
        self.lines_before = Some(context.before);
        self.lines_after = Some(context.after);
        Some(self)
    }

    /// Strings and numbers always serialise, so an empty text never happens.
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl StackTrace {
    /// Writes the frames as a JSON array, innermost first, in at most 60,000 bytes.
    ///
    /// With `source`, the application's frames carry the lines around them. Where space is short, the
    /// outermost lose these lines first, then the outermost frames go.
    pub(crate) fn structured(&self, message: &str, source: Option<&mut SourceLines>) -> String {
        let error = one_line(message, MAX_MESSAGE);
        let mut room = MAX_JSON - "[]".len();
        let mut entries = Vec::new();
        for frame in &self.frames {
            let json = Entry::new(frame, &error).json();
            let Some(left) = room.checked_sub(json.len() + ",".len()) else {
                break;
            };
            room = left;
            entries.push(json);
        }
        if let Some(source) = source {
            for (frame, entry) in self.frames.iter().zip(&mut entries) {
                if !frame.in_app {
                    continue;
                }
                let Some(full) = Entry::new(frame, &error).with_source(source) else {
                    continue;
                };
                let json = full.json();
                let Some(left) = (room + entry.len()).checked_sub(json.len()) else {
                    break;
                };
                room = left;
                *entry = json;
            }
        }
        format!("[{}]", entries.join(","))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::{Frame, MAX_JSON, SourceLines, StackTrace};

    fn frame(file: &str, line: u32, in_app: bool) -> Frame {
        Frame {
            function: "shop::pay".to_owned(),
            file: file.to_owned(),
            line,
            in_app,
        }
    }

    fn parse(json: &str) -> Value {
        assert!(json.len() <= MAX_JSON, "{}", json.len());
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn frames_have_the_keys_the_backend_reads() {
        let trace = StackTrace {
            frames: vec![
                frame("src/pay.rs", 12, true),
                frame("/rustc/lib.rs", 7, false),
            ],
        };
        let expected = json!([
            {"fileName": "src/pay.rs", "lineNumber": 12, "functionName": "shop::pay",
                "error": "bad \"card\" given", "inApp": true},
            {"fileName": "/rustc/lib.rs", "lineNumber": 7, "functionName": "shop::pay",
                "error": "bad \"card\" given", "inApp": false},
        ]);
        assert_eq!(
            parse(&trace.structured("bad \"card\"\ngiven", None)),
            expected
        );
        assert_eq!(StackTrace::default().structured("x", None), "[]");
    }

    #[test]
    fn only_the_applications_frames_show_their_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pay.rs");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let path = path.to_str().unwrap();
        let trace = StackTrace {
            frames: vec![
                frame(path, 2, false),
                frame(path, 2, true),
                frame("gone.rs", 2, true),
            ],
        };
        let frames = parse(&trace.structured("failed", Some(&mut SourceLines::new())));
        assert_eq!(frames[1]["lineContent"], "two");
        assert_eq!(frames[1]["linesBefore"], "one");
        assert_eq!(frames[1]["linesAfter"], "three");
        assert_eq!(frames[0].get("lineContent"), None);
        assert_eq!(frames[2].get("lineContent"), None);
    }

    #[test]
    fn space_goes_to_frames_first_and_then_to_the_innermost_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.rs");
        fs::write(&path, format!("{}\n", "x".repeat(2_000)).repeat(11)).unwrap();
        let trace = StackTrace {
            frames: vec![frame(path.to_str().unwrap(), 6, true); 64],
        };
        let frames = parse(&trace.structured(&"x".repeat(9_000), Some(&mut SourceLines::new())));
        let frames = frames.as_array().unwrap();
        assert_eq!(frames.len(), 64);
        assert!(frames[0].get("lineContent").is_some());
        assert!(frames[63].get("lineContent").is_none());

        let trace = StackTrace {
            frames: vec![frame(&"d".repeat(4_000), 6, true); 64],
        };
        let frames = parse(&trace.structured("failed", None));
        assert!((10..20).contains(&frames.as_array().unwrap().len()));
    }
}
