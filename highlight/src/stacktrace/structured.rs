//! The stack as JSON, with the source around the application's own frames.

use serde::Serialize;

use super::{Frame, SourceLines, StackTrace, line::one_line, source::Context};

/// Bytes of the whole JSON text: cut at 65,536 by the backend, it would not be JSON any more.
const MAX_JSON: usize = 60_000;

/// Bytes of the message, which every frame repeats.
const MAX_MESSAGE: usize = 512;

/// What an element of the array begins with, in the backend's own key names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    file_name: &'a str,
    line_number: u32,
    function_name: &'a str,
}

/// What it ends with; in between is the message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tail {
    in_app: bool,
    #[serde(flatten)]
    source: Option<Context>,
}

/// An element without its message.
#[derive(Debug)]
struct Entry {
    head: String,
    tail: String,
    /// The tail with the lines of source, where they can be had.
    full_tail: Option<String>,
}

impl Entry {
    fn of(frame: &Frame, source: Option<&mut SourceLines>) -> Self {
        let head = json(&Head {
            file_name: &frame.file,
            line_number: frame.line,
            function_name: &frame.function,
        });
        let tail = |source| {
            let tail = json(&Tail {
                in_app: frame.in_app,
                source,
            });
            format!(",{}", tail.strip_prefix('{').unwrap_or_default())
        };
        let shown = source.filter(|_| frame.in_app);
        let context = shown.and_then(|source| source.around(&frame.file, frame.line));
        Entry {
            head: format!("{},\"error\":", head.strip_suffix('}').unwrap_or_default()),
            tail: tail(None),
            full_tail: context.map(|context| tail(Some(context))),
        }
    }
}

/// Strings and numbers always serialise, so an empty text never happens.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The frames of a trace as they are written, whatever the message.
#[derive(Debug)]
pub(crate) struct Entries(Vec<Entry>);

impl Entries {
    /// With `source`, the application's frames carry the lines around them.
    pub(crate) fn of(trace: &StackTrace, mut source: Option<&mut SourceLines>) -> Self {
        let frames = trace.frames.iter();
        let entries = frames.map(|frame| Entry::of(frame, source.as_deref_mut()));
        Entries(entries.collect())
    }

    /// Appends the frames to `text` as a JSON array, innermost first, in at most 60,000 bytes.
    ///
    /// Where space is short, the outermost lose their source first, then the outermost frames go.
    pub(crate) fn write(&self, text: &mut String, message: &str) {
        let error = json(&one_line(message, MAX_MESSAGE));
        let mut room = MAX_JSON - "[]".len();
        let fit = self.0.iter().take_while(|entry| {
            let bytes = entry.head.len() + error.len() + entry.tail.len() + ",".len();
            let left = room.checked_sub(bytes);
            room = left.unwrap_or(room);
            left.is_some()
        });
        let fit = fit.count();
        text.push('[');
        let mut shows_source = true;
        for (at, entry) in self.0[..fit].iter().enumerate() {
            let mut tail = &entry.tail;
            if let Some(full) = entry.full_tail.as_ref().filter(|_| shows_source) {
                match (room + tail.len()).checked_sub(full.len()) {
                    Some(left) => (room, tail) = (left, full),
                    None => shows_source = false,
                }
            }
            let comma = if at == 0 { "" } else { "," };
            for part in [comma, &entry.head, &error, tail] {
                *text += part;
            }
        }
        text.push(']');
    }

    /// Bytes of its texts.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.0.iter().map(|entry| {
            let full = entry.full_tail.as_ref().map_or(0, String::capacity);
            size_of::<Entry>() + entry.head.capacity() + entry.tail.capacity() + full
        });
        sizes.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::{Entries, Frame, MAX_JSON, SourceLines, StackTrace};

    fn structured(trace: &StackTrace, message: &str, source: Option<&mut SourceLines>) -> String {
        let mut json = String::new();
        Entries::of(trace, source).write(&mut json, message);
        json
    }

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
            parse(&structured(&trace, "bad \"card\"\ngiven", None)),
            expected
        );
        assert_eq!(structured(&StackTrace::default(), "x", None), "[]");
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
        let frames = parse(&structured(&trace, "failed", Some(&mut SourceLines::new())));
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
        let frames = parse(&structured(
            &trace,
            &"x".repeat(9_000),
            Some(&mut SourceLines::new()),
        ));
        let frames = frames.as_array().unwrap();
        assert_eq!(frames.len(), 64);
        assert!(frames[0].get("lineContent").is_some());
        assert!(frames[63].get("lineContent").is_none());

        let trace = StackTrace {
            frames: vec![frame(&"d".repeat(4_000), 6, true); 64],
        };
        let frames = parse(&structured(&trace, "failed", None));
        assert!((10..20).contains(&frames.as_array().unwrap().len()));
    }
}
