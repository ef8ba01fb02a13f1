//! Builds programs of the benches' workspace, each by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::say;

/// The benches' workspace.
pub(super) const FOLDER: &str = "benches";

/// A package, and the features it is built with; its default ones where none is named.
pub(super) type Package = (&'static str, &'static [&'static str]);

/// Builds packages for release and returns the folder of the programs.
///
/// One call of cargo for each package, since cargo unites the features of what it builds together: a peer's dependencies
/// would be built with what another peer asks for.
pub(super) fn build(packages: &[Package]) -> Result<PathBuf> {
    ensure!(
        Path::new(FOLDER).join("Cargo.toml").exists(),
        "run `cargo xtask bench` in the workspace's folder"
    );
    for (package, features) in packages {
        say(&format!(
            "building {package}; the first time takes minutes, with all its dependencies"
        ));
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--package", package]);
        if !features.is_empty() {
            cargo.args(["--no-default-features", "--features", &features.join(",")]);
        }
        let built = cargo
            .current_dir(FOLDER)
            .status()
            .context("cannot run cargo")?;
        ensure!(
            built.success(),
            "{package} does not build: see cargo's error above"
        );
    }
    Ok(target()?.join("release"))
}

/// Where the benches' workspace builds to.
pub(super) fn target() -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(FOLDER)
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .context("cargo metadata does not answer with JSON")?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(folder.into())
}
