//! One of the benches' HTTP servers, as a process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    address: String,
}

/// What it used so far.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) process_ns: f64,
    pub(super) rss_mib: f64,
}

impl Server {
    pub(super) fn start(program: &Path, endpoint: &str) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(endpoint)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let stdin = child.stdin.take().context("stdin is not piped")?;
        let stdout = child.stdout.take().context("stdout is not piped")?;
        let mut server = Server {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            address: String::new(),
        };
        server.address = server.line()?;
        Ok(server)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Has it send what is queued, and reads its clock.
    pub(super) fn clock(&mut self) -> Result<Clock> {
        self.stdin.write_all(b"\n").context("the server is gone")?;
        let report: Value =
            serde_json::from_str(&self.line()?).context("the server reports no JSON")?;
        let of = |key: &str| report[key].as_f64().unwrap_or_default();
        Ok(Clock {
            process_ns: of("process_ns"),
            rss_mib: of("peak_rss_kib") / 1024.0,
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .context("the server is gone")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
