//! Ctrl-C and its kin, noticed between steps, so that what was started is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;

const PAUSE: Duration = Duration::from_millis(20);

/// Whether somebody wants the command to end.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on a signal does not end the process, but is seen here.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(super) fn watch() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in TERM_SIGNALS {
            flag::register(*signal, Arc::clone(&interrupted))
                .context("cannot listen for Ctrl-C")?;
        }
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGHUP, Arc::clone(&interrupted))
            .context("cannot listen for the terminal's end")?;
        Ok(Self(interrupted))
    }

    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits a moment between two looks at something.
    ///
    /// # Errors
    /// When a signal came.
    pub(super) fn pause(&self) -> Result<()> {
        ensure!(!self.came(), "interrupted");
        thread::sleep(PAUSE);
        Ok(())
    }
}
