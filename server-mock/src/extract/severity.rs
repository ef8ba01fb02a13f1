//! Severity texts, as the backend knows them.

/// The text and OpenTelemetry number that a sent severity text is stored as.
pub(super) fn normalise(text: &str) -> (&'static str, i32) {
    match text.to_ascii_lowercase().as_str() {
        "trace" => ("trace", 1),
        "debug" => ("debug", 5),
        "warn" => ("warn", 13),
        "error" => ("error", 17),
        "fatal" => ("fatal", 21),
        _ => ("info", 9),
    }
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
