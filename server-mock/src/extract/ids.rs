//! Trace and span ids, from bytes to hex digits.

use std::borrow::Cow;
use std::fmt;

/// An id as it was sent, or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Id<'a> {
    #[default]
    Absent,
    /// To be written as hex digits.
    Bytes(&'a [u8]),
    /// As an attribute says.
    Text(Cow<'a, str>),
}

impl<'a> Id<'a> {
    /// An id of exactly `length` bytes; empty or all zero is no id, and any other length is the error.
    pub(super) fn optional(name: &str, bytes: &'a [u8], length: usize) -> Result<Self, String> {
        match bytes.len() {
            0 => Ok(Self::Absent),
            found if found != length => {
                Err(format!("a {name} of {found} bytes instead of {length}"))
            }
            _ if bytes.iter().all(|byte| *byte == 0) => Ok(Self::Absent),
            _ => Ok(Self::Bytes(bytes)),
        }
    }

    /// An id that has to be there.
    pub(super) fn required(name: &str, bytes: &'a [u8], length: usize) -> Result<Self, String> {
        match Self::optional(name, bytes, length)? {
            Self::Absent => Err(format!("no {name}")),
            id => Ok(id),
        }
    }

    /// The id, unless an attribute says another.
    pub(super) fn or_as_told(self, told: &Cow<'a, str>) -> Self {
        if told.is_empty() {
            self
        } else {
            Self::Text(told.clone())
        }
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => Ok(()),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn an_id_has_its_exact_length_or_is_absent() {
        let optional = |bytes| Id::optional("span id", bytes, 8).map(|id| id.to_string());
        assert_eq!(optional(&[0xab; 8]), Ok("ab".repeat(8)));
        assert_eq!(optional(&[]), Ok(String::new()));
        assert_eq!(optional(&[0; 8]), Ok(String::new()));
        assert_eq!(
            optional(&[1; 7]),
            Err("a span id of 7 bytes instead of 8".to_owned())
        );
        assert_eq!(
            Id::required("span id", &[0; 8], 8),
            Err("no span id".to_owned())
        );
    }

    #[test]
    fn an_attribute_overrides() {
        let id = Id::optional("span id", &[1; 8], 8).unwrap();
        assert_eq!(id.clone().or_as_told(&"".into()), id);
        assert_eq!(id.or_as_told(&"t".into()).to_string(), "t");
    }
}
