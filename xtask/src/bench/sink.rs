//! The receiving end, as a process of its own, so that its work is nobody's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A running sink; dropping it ends it.
#[derive(Debug)]
pub(super) struct Sink {
    child: Child,
    address: String,
}

impl Sink {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut address = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut address)?;
        }
        let address = address.trim().to_owned();
        Ok(Sink { child, address })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What came in.
    pub(super) fn counts(&self) -> Result<Value> {
        let mut connection = TcpStream::connect(&self.address).context("the sink is gone")?;
        connection.write_all(b"GET /counts HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let (_, body) = answer
            .split_once("\r\n\r\n")
            .context("the sink does not answer")?;
        serde_json::from_str(body).context("the sink does not count")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
