//! A program that runs while the demo does, and not longer.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::interrupt::Interrupt;

const PATIENCE: Duration = Duration::from_secs(30);
/// How many of the program's last lines are shown when it fails.
const LINES_KEPT: usize = 20;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Program {
    /// Starts the program. What it prints is kept, and shown when it fails.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        // Ctrl-C goes to us alone: we stop our programs in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let lines = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            keep(stdout, Arc::clone(&lines));
        }
        if let Some(stderr) = child.stderr.take() {
            keep(stderr, Arc::clone(&lines));
        }
        Ok(Self { name, child, lines })
    }

    /// Waits for a line that starts with `start`, and returns what follows.
    ///
    /// # Errors
    /// When the program ends first or takes too long, or somebody interrupts.
    pub(super) fn line(&mut self, start: &str, interrupt: &Interrupt) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Asked before the lines are looked at: what an ended program said is all there soon after.
            let ended = self.child.try_wait()?;
            let found = self
                .lines()
                .iter()
                .find_map(|line| line.strip_prefix(start).map(str::to_owned));
            if let Some(found) = found {
                return Ok(found);
            }
            if let Some(status) = ended {
                bail!("{} ended at its start ({status}){}", self.name, self.said());
            }
            ensure!(
                Instant::now() < deadline,
                "{} does not say where it listens{}",
                self.name,
                self.said()
            );
            interrupt.pause()?;
        }
    }

    /// Asks the program to end, as an operating system does, and waits for it.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.terminate()
            .with_context(|| format!("cannot stop {}", self.name))?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(
                Instant::now() < deadline,
                "{} does not end when it is asked to{}",
                self.name,
                self.said()
            );
            thread::sleep(Duration::from_millis(5));
        };
        ensure!(
            status.success(),
            "{} did not end well ({status}){}",
            self.name,
            self.said()
        );
        Ok(())
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    #[cfg(unix)]
    fn terminate(&self) -> Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("no process id")?, Signal::TERM)?)
    }

    #[cfg(not(unix))]
    fn terminate(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program's last lines, for the end of an error's sentence.
    fn said(&self) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            return ", and said nothing".to_owned();
        }
        lines
            .iter()
            .fold("; its last words:".to_owned(), |said, line| {
                format!("{said}\n  {line}")
            })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads the output on a thread of its own, so that the program never waits for us.
fn keep(output: impl Read + Send + 'static, lines: Arc<Mutex<VecDeque<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES_KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    });
}
