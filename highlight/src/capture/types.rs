//! What type an error is of, as far as that can be told.

use std::any::type_name;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Debug, Display};

use super::bounded;

const MAX_TYPE_BYTES: usize = 256;

/// Its full path; of a `dyn Error` what its `Debug` form tells.
pub(super) fn type_of<E: Error + ?Sized>(error: &E) -> Cow<'static, str> {
    let named = type_name::<E>();
    if named.starts_with("dyn ") {
        debug_type(error).into()
    } else {
        // Cut to its longest, as texts are.
        Cow::Borrowed(&named[..named.floor_char_boundary(MAX_TYPE_BYTES)])
    }
}

/// The full path of the standard library's errors that are met most.
pub(super) fn standard_type(error: &(dyn Error + 'static)) -> Option<&'static str> {
    macro_rules! known {
        ($($kind:ty),+ $(,)?) => {
            $(if error.is::<$kind>() { return Some(type_name::<$kind>()); })+
        };
    }
    known!(
        std::io::Error,
        std::fmt::Error,
        std::num::ParseIntError,
        std::num::ParseFloatError,
        std::num::TryFromIntError,
        std::str::Utf8Error,
        std::str::ParseBoolError,
        std::string::FromUtf8Error,
        std::char::ParseCharError,
        std::net::AddrParseError,
        std::time::SystemTimeError,
        std::env::VarError,
        std::sync::mpsc::RecvError,
        std::sync::mpsc::RecvTimeoutError,
    );
    None
}

/// What a `Debug` form begins with, when that is a type's name: `ParseIntError { kind: .. }`, `NotFound`, `Io(..)`.
pub(super) fn debug_type(error: &(impl Debug + ?Sized)) -> String {
    struct AsDebug<'a, T: ?Sized>(&'a T);
    impl<T: Debug + ?Sized> Display for AsDebug<'_, T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Debug::fmt(self.0, f)
        }
    }
    let text = bounded(MAX_TYPE_BYTES, &AsDebug(error));
    leading_name(&text).unwrap_or("Error").to_owned()
}

/// A leading name in upper camel case, followed by nothing, a brace or a parenthesis.
fn leading_name(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase());
    (is_name && (rest.is_empty() || rest.starts_with(['{', '(', '.']))).then_some(name)
}

/// The same for text that may as well be prose: only a name that is clearly one.
pub(super) fn leading_type(text: &str) -> Option<&str> {
    let name = leading_name(text)?;
    let rest = &text[name.len()..];
    (rest.starts_with('(')
        || rest.starts_with(" {")
        || (rest.is_empty() && name.ends_with("Error")))
    .then_some(name)
}
