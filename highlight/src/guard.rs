//! The guard that `init` returns: whoever holds it keeps the SDK running.

use std::ops::Deref;

use crate::diagnostics::say;
use crate::error::FlushError;
use crate::handle::Highlight;

/// Keeps the SDK running; dropping it delivers what is queued, within
/// [`Config::shutdown_timeout`](crate::Config::shutdown_timeout), and says on stderr what did not arrive.
///
/// Hold it in `main` until the end. It dereferences to the [`Highlight`] handle.
#[derive(Debug)]
#[must_use = "dropping the guard shuts the SDK down: bind it to a variable in `main`"]
pub struct Guard(pub(crate) Highlight);

impl Guard {
    /// A handle to share with other threads. It goes on existing after the guard, but records nothing then,
    /// unless the SDK is initialised again.
    #[must_use]
    pub fn handle(&self) -> Highlight {
        self.0.clone()
    }
}

impl Deref for Guard {
    type Target = Highlight;

    fn deref(&self) -> &Highlight {
        &self.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self.0.shutdown() {
            Ok(()) | Err(FlushError::Stopped) => {}
            Err(error) => say(format_args!("at shutdown, {error}")),
        }
        let stats = self.0.stats();
        if stats.dropped_total() > 0 {
            say(format_args!("{}", stats.summary()));
        }
        if stats.spooled_total() > 0 {
            say(format_args!(
                "{} records are on disk, for the next start",
                stats.spooled_total()
            ));
        }
    }
}
