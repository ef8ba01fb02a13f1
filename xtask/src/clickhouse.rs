//! `cargo xtask clickhouse`: fetches libchdb through npm into the user's cache, verified, once.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use chdb::{Library, Package, VARIABLE, VERSION};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};

use crate::say;

/// Runs the command: the library's path is what it prints.
#[expect(clippy::print_stdout, reason = "the path is this command's result")]
pub(crate) fn run() -> Result<()> {
    let path = ensure()?;
    println!("{}", path.display());
    Ok(())
}

/// Makes sure that libchdb is on this machine, fetching it when it is not, and returns its path.
///
/// # Errors
/// When it cannot be fetched, verified or put into the cache; the message names the other ways.
pub(crate) fn ensure() -> Result<PathBuf> {
    let path = Library::expected()?.path().to_owned();
    if path.is_file() {
        return Ok(path);
    }
    ensure!(
        std::env::var_os(VARIABLE).is_none(),
        "{VARIABLE} names {}, which is not a file",
        path.display()
    );
    let package = Package::current().ok_or(chdb::Error::Platform)?;
    let directory = path.parent().context("the cache path has no parent")?;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    // Beside the final place, so that the last step is a rename within one file system.
    let scratch = tempfile::tempdir_in(directory)
        .with_context(|| format!("cannot write {}", directory.display()))?;

    say(&format!(
        "fetching {}@{VERSION} (about 180 MB)",
        package.name()
    ));
    let tarball = pack(package, scratch.path())?;
    say("verifying its checksum");
    verify(&tarball, package.integrity())?;
    say("unpacking (about 570 MB)");
    let unpacked = scratch.path().join("libchdb.so");
    unpack(&tarball, package.member(), &unpacked)?;
    fs::rename(&unpacked, &path)
        .with_context(|| format!("cannot put {} in place", path.display()))?;
    say(&format!("libchdb is at {}", path.display()));
    Ok(path)
}

/// Has npm download the package's tarball into `directory`.
fn pack(package: Package, directory: &Path) -> Result<PathBuf> {
    let others = format!(
        "; other ways: point {VARIABLE} at a libchdb.so of your own, \
         or use a server with `server-mock --clickhouse http://user:password@host:8123`"
    );
    let output = Command::new("npm")
        .args(["pack", "--silent", &format!("{}@{VERSION}", package.name())])
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("npm is needed to fetch libchdb, and is not installed{others}")
        }
        other => other.context("cannot run npm")?,
    };
    ensure!(
        output.status.success(),
        "npm could not fetch {}@{VERSION}{others}",
        package.name()
    );
    let name = String::from_utf8(output.stdout).context("npm's answer is not a file name")?;
    Ok(directory.join(name.trim()))
}

/// Compares the tarball with the pinned checksum.
fn verify(tarball: &Path, pinned: Option<&str>) -> Result<()> {
    let Some(pinned) = pinned else {
        say("no checksum is pinned for this platform: trusting the one npm has checked");
        return Ok(());
    };
    let mut hasher = Sha512::new();
    io::copy(&mut File::open(tarball)?, &mut hasher)?;
    let found = format!(
        "sha512-{}",
        base64::engine::general_purpose::STANDARD.encode(hasher.finalize())
    );
    ensure!(
        found == pinned,
        "the package is not the pinned one: expected {pinned}, found {found}"
    );
    Ok(())
}

/// Takes one file out of a gzip-compressed tarball.
fn unpack(tarball: &Path, member: &str, to: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(tarball)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()? == Path::new(member) {
            return write(&mut entry, to).with_context(|| format!("cannot write {}", to.display()));
        }
    }
    Err(anyhow!("the package has no {member}"))
}

fn write(from: &mut impl Read, to: &Path) -> io::Result<()> {
    let mut file = File::create(to)?;
    io::copy(from, &mut file)?;
    file.sync_all()
}
