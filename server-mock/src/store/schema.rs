//! The tables and views, as the statements that make them, in order.

/// Makes what is missing; tables keep their rows, views are made anew.
pub(super) const STATEMENTS: [&str; 9] = [
    include_str!("../schema/logs.sql"),
    include_str!("../schema/traces.sql"),
    include_str!("../schema/errors.sql"),
    include_str!("../schema/metrics_sum.sql"),
    include_str!("../schema/metrics_histogram.sql"),
    include_str!("../schema/metrics_summary.sql"),
    include_str!("../schema/sessions.sql"),
    include_str!("../schema/otel_logs.sql"),
    include_str!("../schema/otel_traces.sql"),
];

/// The statement that has a table's parts merged later, and more of them at once; it reaches tables that are there already.
///
/// A merge begins once its parts are so many times as large together as the largest of them. With the engine's 5, the rows of small
/// inserts are written again and again by the background; with 16 less often, for more parts that are there meanwhile.
pub(super) fn merge_late(table: &str) -> String {
    format!("ALTER TABLE {table} MODIFY SETTING merge_selector_base = 16")
}

/// Whether `name` is fit for a database: letters, digits and underscores, not starting with a digit.
pub(super) fn is_identifier(name: &str) -> bool {
    let plain = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || character == '_');
    plain && name.len() <= 64 && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// The statement that makes the database.
pub(super) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE IF NOT EXISTS `{name}`")
}

#[cfg(test)]
mod tests {
    use super::is_identifier;

    #[test]
    fn only_plain_names_are_databases() {
        for (name, expected) in [
            ("highlight", true),
            ("_a1", true),
            ("1a", false),
            ("", false),
            ("a b", false),
            ("a`", false),
            ("é", false),
        ] {
            assert_eq!(is_identifier(name), expected, "{name}");
        }
    }
}
