//! How bad a log is.

/// How bad it is. The text is what highlight.io reads, the number what the OpenTelemetry log data model gives it
/// (<https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// `trace`, 1
    Trace,
    /// `debug`, 5
    Debug,
    /// `info`, 9
    Info,
    /// `warn`, 13
    Warn,
    /// `error`, 17
    Error,
    /// `fatal`, 21
    Fatal,
}

impl Severity {
    pub(super) const fn number(self) -> u64 {
        match self {
            Severity::Trace => 1,
            Severity::Debug => 5,
            Severity::Info => 9,
            Severity::Warn => 13,
            Severity::Error => 17,
            Severity::Fatal => 21,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Severity::Trace => "trace",
            Severity::Debug => "debug",
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }

    /// The severity with this OpenTelemetry number; unknown numbers are `Info`, as upstream has it.
    pub(crate) const fn from_number(number: i32) -> Self {
        match number {
            1..=4 => Severity::Trace,
            5..=8 => Severity::Debug,
            13..=16 => Severity::Warn,
            17..=20 => Severity::Error,
            21..=24 => Severity::Fatal,
            _ => Severity::Info,
        }
    }
}
