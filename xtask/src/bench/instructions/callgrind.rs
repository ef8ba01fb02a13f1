//! Runs a peer under callgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// A program under callgrind.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// The function that callgrind counts in.
    pub(super) function: &'static str,
    pub(super) arguments: Vec<String>,
}

/// An error that says how to get it, where there is none.
pub(super) fn ensure() -> Result<()> {
    let status = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    ensure!(
        status.is_ok_and(|status| status.success()),
        "valgrind is missing: on Debian and Ubuntu, `sudo apt-get install valgrind` brings it"
    );
    Ok(())
}

/// The instructions of all calls of the function in one run. Leaves what callgrind wrote in the file.
pub(super) fn count(program: &Program, file: &Path) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={}", program.function))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&program.path)
        .args(&program.arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .context("cannot run valgrind")?;
    ensure!(
        output.status.success(),
        "{} failed under valgrind: {}",
        program.path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    total(&String::from_utf8_lossy(&text)).with_context(|| {
        format!(
            "{} has no totals: is {} still there?",
            file.display(),
            program.function
        )
    })
}

fn total(text: &str) -> Option<f64> {
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    total.trim().parse().ok().filter(|total| *total > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_callgrind_s_file() {
        let text = "events: Ir\nsummary: 12\n\nfn=(1) f\n+3 12\n\ntotals: 12\n";
        assert_eq!(total(text), Some(12.0));
        assert_eq!(total("events: Ir\ntotals: 0\n"), None);
    }
}
