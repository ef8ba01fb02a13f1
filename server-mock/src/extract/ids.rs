//! Trace and span ids, from bytes to hex digits.

use std::fmt::Write as _;

/// An id of exactly `length` bytes; empty or all zero is no id, and any other length is the error.
pub(super) fn optional(name: &str, bytes: &[u8], length: usize) -> Result<String, String> {
    match bytes.len() {
        0 => Ok(String::new()),
        found if found != length => Err(format!("a {name} of {found} bytes instead of {length}")),
        _ if bytes.iter().all(|byte| *byte == 0) => Ok(String::new()),
        _ => Ok(bytes
            .iter()
            .fold(String::with_capacity(length * 2), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })),
    }
}

/// An id that has to be there.
pub(super) fn required(name: &str, bytes: &[u8], length: usize) -> Result<String, String> {
    let id = optional(name, bytes, length)?;
    if id.is_empty() {
        Err(format!("no {name}"))
    } else {
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::{optional, required};

    #[test]
    fn an_id_has_its_exact_length_or_is_absent() {
        assert_eq!(optional("span id", &[0xab; 8], 8), Ok("ab".repeat(8)));
        assert_eq!(optional("span id", &[], 8), Ok(String::new()));
        assert_eq!(optional("span id", &[0; 8], 8), Ok(String::new()));
        assert_eq!(
            optional("span id", &[1; 7], 8),
            Err("a span id of 7 bytes instead of 8".to_owned())
        );
        assert_eq!(
            required("span id", &[0; 8], 8),
            Err("no span id".to_owned())
        );
    }
}
