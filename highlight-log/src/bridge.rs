//! The logger.

use std::fmt;

use highlight::{Highlight, Location, LogRecord, Severity};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::values::Attributes;

/// A [`log::Log`] that records through `highlight`, and forwards to another logger when it is given one.
///
/// # Examples
///
/// ```
/// use log::{LevelFilter, Log};
/// # struct Console;
/// # impl Log for Console {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, _: &log::Record<'_>) {}
/// #     fn flush(&self) {}
/// # }
///
/// highlight_log::Bridge::new()
///     .level(LevelFilter::Debug)
///     .forward_to(Console)
///     .install()?;
/// assert_eq!(log::max_level(), LevelFilter::Debug);
/// # Ok::<(), highlight_log::InstallError>(())
/// ```
#[must_use = "a bridge does nothing until it is installed"]
pub struct Bridge {
    highlight: Option<Highlight>,
    level: LevelFilter,
    inner: Option<Box<dyn Log>>,
}

/// There is a logger already, and a process has only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a logger is already installed: pass it to Bridge::forward_to before it is set, or, where tracing-log is the logger, use highlight.layer() alone"
)]
#[non_exhaustive]
pub struct InstallError;

impl Bridge {
    /// A bridge for records up to level info, to the SDK that `init` installed.
    pub fn new() -> Self {
        Bridge {
            highlight: None,
            level: LevelFilter::Info,
            inner: None,
        }
    }

    /// Sends through this handle instead of the installed one.
    pub fn highlight(mut self, highlight: Highlight) -> Self {
        self.highlight = Some(highlight);
        self
    }

    /// The most detailed level that is sent. It does not concern the inner logger, which has its own.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// Hands every record on to `inner` too, such as a console logger.
    pub fn forward_to(mut self, inner: impl Log + 'static) -> Self {
        self.inner = Some(Box::new(inner));
        self
    }

    /// Makes this the process's logger. `log`'s own maximum is raised to this bridge's level; it is not lowered, since the inner
    /// logger may want more.
    ///
    /// # Errors
    ///
    /// There is a logger already.
    pub fn install(self) -> Result<(), InstallError> {
        let level = self.level.max(log::max_level());
        log::set_boxed_logger(Box::new(self)).map_err(|_| InstallError)?;
        log::set_max_level(level);
        Ok(())
    }

    fn target(&self) -> Option<Highlight> {
        self.highlight.clone().or_else(Highlight::current)
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Bridge::new()
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge")
            .field("level", &self.level)
            .field("forwards", &self.inner.is_some())
            .finish_non_exhaustive()
    }
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
            || self
                .inner
                .as_ref()
                .is_some_and(|inner| inner.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if record.level() <= self.level
            && let Some(highlight) = self.target()
        {
            highlight.log(severity(record.level()), |sent| write(sent, record));
        }
        if let Some(inner) = &self.inner
            && inner.enabled(record.metadata())
        {
            inner.log(record);
        }
    }

    /// Waits until what was recorded so far is delivered, within the shutdown timeout. `log` has no way to report a failure; see
    /// [`Highlight::flush`].
    fn flush(&self) {
        if let Some(highlight) = self.target() {
            let _ = highlight.flush();
        }
        if let Some(inner) = &self.inner {
            inner.flush();
        }
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warn => Severity::Warn,
        Level::Info => Severity::Info,
        Level::Debug => Severity::Debug,
        Level::Trace => Severity::Trace,
    }
}

fn write(sent: &mut LogRecord<'_>, record: &Record<'_>) {
    sent.body(record.args())
        .location(&Location {
            target: record.target(),
            file: record.file(),
            line: record.line(),
        })
        .thread();
    if let Some(module) = record.module_path()
        && module != record.target()
    {
        sent.text("code.module", module);
    }
    let mut attributes = Attributes {
        sent,
        takes_errors: record.level() == Level::Error,
    };
    // The visitor itself never fails; a source that does has shown what it could.
    let _ = record.key_values().visit(&mut attributes);
}
