//! Programs that may hang.

use std::io::{self, Read};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// What a program printed and how it ended. None where it had not ended after `limit`: then it was killed.
pub(super) fn output(command: &mut Command, limit: Duration) -> io::Result<Option<Output>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (reading, ended) = mpsc::channel();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let also_reading = reading.clone();
        let stdout = scope.spawn(|| read(stdout, reading));
        let stderr = scope.spawn(|| read(stderr, also_reading));
        let hangs = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if hangs {
            child.kill()?;
        }
        let status = child.wait()?;
        let all =
            |text: thread::Result<_>| text.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        let (stdout, stderr) = (all(stdout.join())?, all(stderr.join())?);
        let output = Output {
            status,
            stdout,
            stderr,
        };
        Ok((!hangs).then_some(output))
    })
}

/// Reads all that comes, and hangs up.
fn read(from: Option<impl Read>, _reading: Sender<()>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut all)?;
    }
    Ok(all)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Option<Output> {
        output(Command::new("sh").args(["-c", script]), limit).unwrap()
    }

    #[test]
    fn a_program_that_ends_says_what_it_printed() {
        let ended = sh("echo out; echo err >&2; exit 3", Duration::from_mins(10)).unwrap();
        assert_eq!(
            (&*ended.stdout, &*ended.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(ended.status.code(), Some(3));
    }

    #[test]
    fn one_that_hangs_is_killed() {
        assert!(sh("exec sleep 600", Duration::from_millis(50)).is_none());
    }
}
