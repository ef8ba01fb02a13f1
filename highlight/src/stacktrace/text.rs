//! The stack as text, in the one form the backend reads whole, or as Rust developers know it.

use std::borrow::Cow;

use super::{Frame, StackTrace, line::one_line};

/// Bytes of the whole text, below the 65,536 at which the backend cuts an attribute.
const MAX_TEXT: usize = 60_000;

/// Bytes of the message in the text.
const MAX_MESSAGE: usize = 4_096;

/// How many causes are written, and bytes of each.
const MAX_CAUSES: usize = 16;
const MAX_CAUSE: usize = 1_024;

/// How a stack is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StackForm {
    /// As Go does, which the backend parses: symbol, then tab, file and line.
    #[default]
    Go,
    /// As [`std::backtrace::Backtrace`] does, without columns.
    Native,
}

/// The frames of a trace as they are written, whatever the message.
#[derive(Debug)]
pub(crate) struct Lines {
    form: StackForm,
    frames: Vec<String>,
}

impl Lines {
    pub(crate) fn of(trace: &StackTrace, form: StackForm) -> Self {
        let frames = trace.frames.iter().enumerate();
        Lines {
            form,
            frames: frames
                .map(|(index, frame)| form.frame(index, frame))
                .collect(),
        }
    }

    /// Writes the message, the frames and the causes into `text`, which is empty, in at most 60,000 bytes.
    ///
    /// Where that is too little, the outermost frames are left out; a long message or cause ends in `…`.
    pub(crate) fn write(&self, text: &mut String, message: &str, chain: &[String]) {
        let message = plain(message, MAX_MESSAGE);
        let mut causes = String::new();
        for cause in chain.iter().take(MAX_CAUSES) {
            causes += "Caused by: ";
            causes += &plain(cause, MAX_CAUSE);
            causes += "\n";
        }
        let (before, first, after) = match self.form {
            StackForm::Go => ("\n", "", &*causes),
            StackForm::Native => ("", &*causes, ""),
        };
        for part in [before, &*message, "\n", first] {
            *text += part;
        }
        for lines in &self.frames {
            if text.len() + lines.len() + after.len() > MAX_TEXT {
                break;
            }
            *text += lines;
        }
        *text += after;
        text.truncate(text.trim_end().len());
    }

    /// Bytes of its texts.
    pub(crate) fn size(&self) -> usize {
        self.frames.iter().map(String::capacity).sum()
    }
}

impl StackForm {
    fn frame(self, index: usize, frame: &Frame) -> String {
        let Frame {
            function,
            file,
            line,
            ..
        } = frame;
        match self {
            Self::Go => format!("{function}\n\t{file}:{line}\n"),
            Self::Native => format!("{index:4}: {function}\n             at {file}:{line}\n"),
        }
    }
}

/// One line in which the backend finds no frame: it takes `x@y.js:1:2` for a JavaScript one.
fn plain(text: &str, max: usize) -> Cow<'_, str> {
    if text.contains(".js:") {
        one_line(&text.replace(".js:", ".js :"), max)
            .into_owned()
            .into()
    } else {
        one_line(text, max)
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Lines, MAX_CAUSE, MAX_TEXT, StackForm, StackTrace};

    fn text(trace: &StackTrace, message: &str, chain: &[String], form: StackForm) -> String {
        let mut text = String::new();
        Lines::of(trace, form).write(&mut text, message, chain);
        text
    }

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line,
            in_app: true,
        }
    }

    fn trace() -> StackTrace {
        StackTrace {
            frames: vec![
                frame("shop::pay::{{closure}}", "src/pay.rs", 12),
                frame("shop::main", "/home/me/shop/src/main.rs", 7),
            ],
        }
    }

    #[test]
    fn the_go_form_is_what_the_backend_parses() {
        let chain = ["no\nroute".to_owned(), "link    at rest:1:2".to_owned()];
        assert_eq!(
            text(
                &trace(),
                "payment\n\tfailed in f@cart.js:1:2",
                &chain,
                StackForm::Go
            ),
            "\npayment failed in f@cart.js :1:2\n\
             shop::pay::{{closure}}\n\tsrc/pay.rs:12\n\
             shop::main\n\t/home/me/shop/src/main.rs:7\n\
             Caused by: no route\n\
             Caused by: link at rest:1:2"
        );
    }

    #[test]
    fn the_native_form_is_what_rust_prints() {
        assert_eq!(
            text(
                &trace(),
                "payment failed",
                &["no route".to_owned()],
                StackForm::Native
            ),
            "payment failed\n\
             Caused by: no route\n   \
             0: shop::pay::{{closure}}\n             at src/pay.rs:12\n   \
             1: shop::main\n             at /home/me/shop/src/main.rs:7"
        );
    }

    #[test]
    fn message_and_causes_are_there_without_frames() {
        let text = text(
            &StackTrace::default(),
            "failed",
            &["why".to_owned()],
            StackForm::default(),
        );
        assert_eq!(text, "\nfailed\nCaused by: why");
    }

    #[test]
    fn the_text_is_bounded_and_loses_the_outermost_frames_first() {
        let long = "é".repeat(40_000);
        let frames = (0..64).map(|line| frame("shop::deep", &"d".repeat(4_000), line));
        let trace = StackTrace {
            frames: frames.collect(),
        };
        let chain = vec![long.clone(); 1_000];
        for form in [StackForm::Go, StackForm::Native] {
            let text = text(&trace, &long, &chain, form);
            assert!(text.len() <= MAX_TEXT, "{}", text.len());
            assert!(text.contains("d:0\n") && !text.contains("d:63"));
            assert_eq!(text.matches("Caused by: é").count(), 16);
        }
        let cause = text(&trace, "", &chain[..1], StackForm::Go);
        assert!(cause.ends_with("é…") && !cause.contains(&"é".repeat(MAX_CAUSE / 2)));
    }
}
