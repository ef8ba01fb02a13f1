//! Severity texts, as the backend knows them.

const INFO: (&str, i32) = ("info", 9);

const KNOWN: [(&str, i32); 6] = [
    INFO,
    ("trace", 1),
    ("debug", 5),
    ("warn", 13),
    ("error", 17),
    ("fatal", 21),
];

/// The text and OpenTelemetry number that a sent severity text is stored as.
pub(super) fn normalise(text: &str) -> (&'static str, i32) {
    let known = KNOWN
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    *known.unwrap_or(&INFO)
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn case_does_not_matter_and_unknown_is_info() {
        for (text, expected) in [
            ("TRACE", ("trace", 1)),
            ("Debug", ("debug", 5)),
            ("info", ("info", 9)),
            ("WARN", ("warn", 13)),
            ("error", ("error", 17)),
            ("fatal", ("fatal", 21)),
            ("", ("info", 9)),
            ("loud", ("info", 9)),
        ] {
            assert_eq!(normalise(text), expected);
        }
    }
}
