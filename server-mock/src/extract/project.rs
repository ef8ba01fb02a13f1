//! Project ids, in both forms the backend reads.

use super::hashids;

/// Reads a decimal or verbose project id.
pub(super) fn parse(id: &str) -> Option<u32> {
    let decimal = id
        .parse::<i32>()
        .ok()
        .and_then(|number| u32::try_from(number).ok());
    decimal
        .or_else(|| hashids::decode(id))
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        for (id, expected) in [
            ("1", Some(1)),
            ("1jdkoe52", Some(1)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("nope", None),
        ] {
            assert_eq!(parse(id), expected, "{id}");
        }
    }
}
