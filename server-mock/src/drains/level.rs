//! Levels as loggers write them in JSON.

use serde_json::Value;

/// The name of a level: as it was sent, or that of pino's number (see <https://getpino.io/#/docs/api?id=level-string>).
pub(super) fn name(level: &Value) -> Option<&str> {
    match level {
        Value::String(name) => Some(if name.eq_ignore_ascii_case("warning") {
            "warn"
        } else {
            name
        }),
        Value::Number(number) => Some(match number.as_u64() {
            Some(10) => "trace",
            Some(20) => "debug",
            Some(40) => "warn",
            Some(50) => "error",
            Some(60) => "fatal",
            _ => "info",
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::name;

    #[test]
    fn names_stay_and_numbers_are_pino_s() {
        for (level, expected) in [
            (json!("ERROR"), Some("ERROR")),
            (json!("Warning"), Some("warn")),
            (json!(10), Some("trace")),
            (json!(20), Some("debug")),
            (json!(30), Some("info")),
            (json!(40), Some("warn")),
            (json!(50), Some("error")),
            (json!(60), Some("fatal")),
            (json!(35), Some("info")),
            (json!(-1), Some("info")),
            (json!({"name": "error"}), None),
            (json!(null), None),
        ] {
            assert_eq!(name(&level), expected, "{level}");
        }
    }
}
