//! An error becomes a report: type, message, causes and the stack of the place where it was captured.

pub(crate) mod texts;
mod types;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::export::deferred::{Gap, Place};
use crate::export::text;
use crate::export::value;
use crate::scope::Scope;
use crate::scrub::Scrub;
use crate::stacktrace::{Ips, RawStack, Stack};
use texts::{ShortText, Texts};
use types::{debug_type, leading_type, standard_type, type_of};

/// The name of the span that carries a captured error or a panic.
pub(crate) const ERROR_SPAN: &str = "highlight.error";
/// The event's name, from the semantic conventions for exceptions
/// (<https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/>).
pub(crate) const EXCEPTION: &str = "exception";
const EXCEPTION_TYPE: &str = "exception.type";
/// Upstream discards the other.
const ERROR_TYPE: &str = "error.type";
/// Where in the code an error was made, when that is told.
pub(crate) const CODE_FILE: &str = "code.file.path";
pub(crate) const EXCEPTION_MESSAGE: &str = "exception.message";
pub(crate) const EXCEPTION_CHAIN: &str = "exception.chain";
/// The logs that came before an error, oldest first, one a line.
pub(crate) const BREADCRUMBS: &str = "highlight.breadcrumbs";
/// Overrides what errors are grouped by.
const FINGERPRINT: &str = "highlight.fingerprint";
/// Carries a stack's addresses from an event on an OpenTelemetry span to the encoder; never sent.
pub(crate) const STACK: &str = "highlight.stack";

/// Of a stack printed by another library, in bytes.
const MAX_BACKTRACE_BYTES: usize = 262_144;

/// An error as it will be reported: its type, message and causes, and the stack of the place where it was made.
///
/// Making one takes some microseconds: only the stack's addresses are taken, and the worker thread turns them into names
/// and lines later. It is cheap to clone, so it can travel in a response's extensions.
///
/// # Examples
///
/// ```
/// let error = "x".parse::<i32>().unwrap_err();
/// let report = highlight::ErrorReport::new(&error);
/// assert_eq!(report.type_name(), "core::num::error::ParseIntError");
/// assert_eq!(report.message(), "invalid digit found in string");
/// ```
#[derive(Debug, Clone)]
pub struct ErrorReport(Arc<Report>);

/// A report before it is one: nothing of it is allocated unless it is long. Most never become one on the thread that had the error.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) type_name: Cow<'static, str>,
    pub(crate) texts: Texts<ShortText>,
    pub(crate) ips: Ips,
}

impl Draft {
    /// Nothing yet: it is filled where it stands, since to move it costs as much as to fill it.
    #[inline]
    pub(crate) fn blank() -> Self {
        Draft {
            type_name: Cow::Borrowed(""),
            texts: Texts::blank(),
            ips: Ips::new(),
        }
    }

    /// See [`ErrorReport::new`].
    #[inline(never)]
    pub(crate) fn fill<E: Error + ?Sized>(&mut self, error: &E) {
        self.type_name = type_of(error);
        self.texts.fill(error, error.source());
        self.ips.walk();
    }

    #[cfg(test)]
    #[inline(never)]
    pub(crate) fn of<E: Error + ?Sized>(error: &E) -> Self {
        let mut draft = Self::blank();
        draft.fill(error);
        draft
    }
}

impl From<&Draft> for ErrorReport {
    fn from(draft: &Draft) -> Self {
        let stack = Stack::Raw(RawStack::from_ips(draft.ips.as_slice().to_vec()));
        Self::with_stack(draft.type_name.clone(), draft.texts.to_texts(), stack)
    }
}

#[derive(Debug, Clone)]
struct Report {
    type_name: Cow<'static, str>,
    texts: Texts,
    stack: Stack,
    /// Further attributes of the exception event: a panic's thread and location.
    extra: Vec<KeyValue>,
}

impl ErrorReport {
    /// Reports `error`, with the stack of the caller.
    ///
    /// The type's name is the compiler's for a concrete type. For a `dyn Error` it is what its `Debug` form starts with,
    /// unless it is one of the standard library's.
    #[must_use]
    #[inline(never)]
    pub fn new<E: Error + ?Sized>(error: &E) -> Self {
        let texts = Texts::of(error, error.source());
        Self::with_stack(type_of(error), texts, Self::here())
    }

    /// Reports a `dyn Error`, whose type can be told better than through [`new`](Self::new) for the standard library's errors.
    #[must_use]
    #[inline(never)]
    pub fn from_dyn(error: &(dyn Error + 'static)) -> Self {
        let type_name =
            standard_type(error).map_or_else(|| debug_type(error).into(), Cow::Borrowed);
        Self::with_stack(type_name, Texts::of(error, error.source()), Self::here())
    }

    /// The same report with the stack that another library captured when the error was made, as `std::backtrace` prints it.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: &std::backtrace::Backtrace) -> Self {
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            // The plain form shortens paths by the working directory, which would keep equal stacks apart.
            let text = bounded(MAX_BACKTRACE_BYTES, &format_args!("{backtrace:#}"));
            Arc::make_mut(&mut self.0).stack = Stack::Printed(text);
        }
        self
    }

    /// Reports an error of which only the text is left, as in `tracing::error!(error = %e)`.
    ///
    /// When the text looks like a `Debug` form, its leading name is the type; otherwise the type is `Error`.
    #[must_use]
    #[inline(never)]
    pub fn from_text(text: &(impl Display + ?Sized)) -> Self {
        let texts = Texts::new(text);
        let type_name = leading_type(texts.message()).unwrap_or("Error").to_owned();
        Self::with_stack(type_name, texts, Self::here())
    }

    /// Reports what has the forms of an error without being an [`Error`], as the errors of some web frameworks are, and was not made
    /// here: type and message, and no stack.
    #[must_use]
    pub fn without_stack(error: &(impl Debug + Display + ?Sized)) -> Self {
        Self::with_stack(
            debug_type(error),
            Texts::new(error),
            Stack::Raw(RawStack::default()),
        )
    }

    /// The stack of whoever asks for a report.
    #[inline]
    fn here() -> Stack {
        Stack::Raw(RawStack::capture())
    }

    /// Of what was kept of a [`Draft`].
    pub(crate) fn of_parts(type_name: &'static str, texts: Texts, stack: RawStack) -> Self {
        Self::with_stack(type_name, texts, Stack::Raw(stack))
    }

    fn with_stack(type_name: impl Into<Cow<'static, str>>, texts: Texts, stack: Stack) -> Self {
        ErrorReport(Arc::new(Report {
            type_name: type_name.into(),
            texts,
            stack,
            extra: Vec::new(),
        }))
    }

    /// Reports a panic; `stack` is empty when only its payload is left.
    pub(crate) fn panic(message: impl Display, stack: RawStack, extra: Vec<KeyValue>) -> Self {
        ErrorReport(Arc::new(Report {
            type_name: "panic".into(),
            texts: Texts::new(&message),
            stack: Stack::Raw(stack),
            extra,
        }))
    }

    /// The error's type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.0.type_name
    }

    /// The error's own message, without its causes: upstream groups by it, so it should be stable.
    #[must_use]
    pub fn message(&self) -> &str {
        self.0.texts.message()
    }

    /// The messages of the causes, nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.0.texts.causes()
    }

    /// Adds an attribute to the error.
    #[must_use]
    pub fn with_attribute(mut self, key: &str, value: impl Into<String>) -> Self {
        let attribute = KeyValue::new(key.to_owned(), value.into());
        Arc::make_mut(&mut self.0).extra.push(attribute);
        self
    }

    /// Groups the error with all others of this fingerprint, instead of by message and stack.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: impl Into<String>) -> Self {
        self.with_attribute(FINGERPRINT, fingerprint)
    }

    /// Replaces the message, such as one with an id in it that would keep equal errors apart.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        let report = Arc::make_mut(&mut self.0);
        report.texts = report.texts.with_message(&message.into());
        self
    }

    /// Replaces the type's name.
    #[must_use]
    pub fn with_type_name(mut self, type_name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).type_name = type_name.into().into();
        self
    }

    /// The attributes of the exception, all but the stack. Upstream discards `exception.type`, so the type is also there as
    /// `error.type`.
    pub(crate) fn attributes(&self) -> Vec<KeyValue> {
        let report = &*self.0;
        let mut attributes = vec![
            KeyValue::new(EXCEPTION_TYPE, report.type_name.clone()),
            KeyValue::new(EXCEPTION_MESSAGE, self.message().to_owned()),
            KeyValue::new(ERROR_TYPE, report.type_name.clone()),
        ];
        if report.texts.has_causes() {
            let causes = self
                .causes()
                .map(|cause| StringValue::from(cause.to_owned()));
            let causes = causes.collect();
            let causes = Value::Array(Array::String(causes));
            attributes.push(KeyValue::new(EXCEPTION_CHAIN, causes));
        }
        attributes.extend(report.extra.iter().cloned());
        attributes
    }

    /// The same for an event on an OpenTelemetry span, the stack's addresses included.
    pub(crate) fn event_attributes(&self, scope: Option<&Scope>) -> Vec<KeyValue> {
        let mut attributes = self.attributes();
        if let Some(recent) = scope.and_then(Scope::recent) {
            attributes.push(KeyValue::new(BREADCRUMBS, recent));
        }
        let stack = match &self.0.stack {
            Stack::Raw(raw) => {
                let addresses = raw.ips().iter().map(|address| address.cast_signed());
                Value::Array(Array::I64(addresses.collect()))
            }
            Stack::Printed(text) => text.clone().into(),
        };
        attributes.push(KeyValue::new(STACK, stack));
        attributes
    }

    /// Writes the same in its wire form.
    pub(crate) fn write(&self, buf: &mut Vec<u8>, field: u32, scrub: &Scrub) {
        let report = &*self.0;
        let mut text = |name, text: &str| value::own_text(buf, field, name, text, scrub);
        text(EXCEPTION_TYPE, &report.type_name);
        text(EXCEPTION_MESSAGE, self.message());
        text(ERROR_TYPE, &report.type_name);
        if report.texts.has_causes() {
            value::texts(buf, field, EXCEPTION_CHAIN, self.causes(), scrub);
        }
        for KeyValue { key, value, .. } in &report.extra {
            value::attribute(buf, field, key.as_str(), value, scrub);
        }
    }

    /// It tells already where in the code it was made, as a panic does.
    pub(crate) fn is_located(&self) -> bool {
        let mut extra = self.0.extra.iter();
        extra.any(|attribute| attribute.key.as_str() == CODE_FILE)
    }

    /// Memory behind it, in bytes.
    pub(crate) fn size(&self) -> usize {
        let report = &*self.0;
        let type_name = match &report.type_name {
            Cow::Borrowed(_) => 0,
            Cow::Owned(name) => name.capacity(),
        };
        let extra = report.extra.iter().map(|attribute| {
            let value = match &attribute.value {
                Value::String(text) => text.as_str().len(),
                _ => 0,
            };
            attribute.key.as_str().len() + value
        });
        // With the two counts that it is shared by.
        2 * size_of::<usize>()
            + size_of::<Report>()
            + type_name
            + report.texts.size()
            + report.extra.capacity() * size_of::<KeyValue>()
            + extra.sum::<usize>()
            + report.stack.size()
    }

    /// What the worker needs to write the stack.
    pub(crate) fn gap(&self, place: Place, scrub: &Scrub, located: bool) -> Gap {
        let clean = |text: &str| scrub.clean(text).into_owned();
        Gap {
            place,
            stack: self.0.stack.clone(),
            message: clean(self.message()),
            chain: self.causes().map(clean).collect(),
            located,
        }
    }
}

/// The text of `value`, at most `max` bytes of it, whatever its `Display` does.
pub(crate) fn bounded(max: usize, value: &(impl Display + ?Sized)) -> String {
    let mut text = String::new();
    text::format_bounded(&mut text, max, value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cart is broken")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn outer() -> Outer {
        Outer("x".parse::<i32>().unwrap_err())
    }

    #[test]
    fn a_concrete_error_has_its_full_type_and_its_causes() {
        let report = ErrorReport::new(&outer());
        assert!(report.type_name().ends_with("capture::tests::Outer"));
        assert_eq!(report.message(), "cart is broken");
        assert_eq!(
            report.causes().collect::<Vec<_>>(),
            ["invalid digit found in string"]
        );
    }

    #[test]
    fn a_dyn_error_has_the_type_that_can_be_told() {
        let concrete = outer();
        let dynamic: &(dyn Error + 'static) = &concrete;
        assert_eq!(ErrorReport::from_dyn(dynamic).type_name(), "Outer");
        assert_eq!(ErrorReport::new(dynamic).type_name(), "Outer");
        let io = std::io::Error::other("disk");
        assert_eq!(
            ErrorReport::from_dyn(&io).type_name(),
            "std::io::error::Error"
        );
    }

    #[test]
    fn text_tells_its_type_only_when_it_clearly_has_one() {
        for (text, type_name) in [
            ("ParseIntError { kind: InvalidDigit }", "ParseIntError"),
            ("Timeout(30s)", "Timeout"),
            ("ConnectionError", "ConnectionError"),
            ("Connection refused (os error 111)", "Error"),
            ("Unknown", "Error"),
            ("invalid digit", "Error"),
            ("", "Error"),
        ] {
            assert_eq!(
                ErrorReport::from_text(text).type_name(),
                type_name,
                "{text}"
            );
        }
        assert_eq!(ErrorReport::from_text("").message(), "(no message)");
    }

    #[test]
    fn a_circle_of_causes_ends() {
        #[derive(Debug)]
        struct Circle;
        impl Display for Circle {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("round")
            }
        }
        impl Error for Circle {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(
            ErrorReport::new(&Circle).causes().count(),
            texts::MAX_CAUSES
        );
    }
}
