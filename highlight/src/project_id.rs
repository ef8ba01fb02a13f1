//! A project id, in the two forms highlight.io knows: a decimal number, or the short text shown in its settings.

use crate::error::Error;

/// The alphabet of the text form; it has at least eight characters of it.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz1234567890";
const MIN_LENGTH: usize = 8;
/// No id of a 32-bit number is longer.
const MAX_LENGTH: usize = 16;

/// Checks a project id and gives it back without the white space around it.
///
/// # Errors
/// It is empty, or has neither form: upstream would drop everything sent with it, in silence.
pub(crate) fn checked(given: &str) -> Result<String, Error> {
    let id = given.trim();
    if id.is_empty() {
        return Err(Error::MissingProjectId);
    }
    let is_number = id.parse::<i32>().is_ok_and(|number| number > 0);
    let is_text = (MIN_LENGTH..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| ALPHABET.contains(&byte));
    if is_number || is_text {
        return Ok(id.to_owned());
    }
    Err(Error::MalformedProjectId {
        given: id.chars().take(64).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_accepted() {
        for id in ["1", "2147483647", "1jdkoe52", "pzg01pd9", " 1jdkoe52\n"] {
            assert_eq!(checked(id).unwrap(), id.trim());
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        for id in ["", "  "] {
            assert!(
                matches!(checked(id), Err(Error::MissingProjectId)),
                "{id:?}"
            );
        }
        for id in [
            "0",
            "-1",
            "1jdkoe5",
            "1JDKOE52",
            "my-project",
            "1jdkoe52/../x",
        ] {
            let error = checked(id).unwrap_err();
            assert!(error.to_string().contains(id), "{error}");
        }
    }
}
