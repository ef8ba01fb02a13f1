//! A process's own directory below the spool directory, locked for as long as the process lives.
//!
//! The lock is the operating system's, so it ends with the process, however that ends. A directory that is there without a
//! lock on it belonged to a process that is gone: whoever locks it may have its files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
const PREFIX: &str = "process-";

/// A locked directory.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    /// Random: two homes do not name their files alike.
    pub(crate) tag: u32,
    _lock: File,
}

impl Home {
    /// Makes a new one below `root`, and `root` if it is not there, both for this user alone.
    ///
    /// # Errors
    /// The directory cannot be made or locked.
    pub(crate) fn make(root: &Path) -> io::Result<Self> {
        directory(root)?;
        let pid = std::process::id();
        let mut attempts = 0;
        loop {
            let tag = low_half(RandomState::new().hash_one(pid));
            let path = root.join(format!("{PREFIX}{pid}-{tag:08x}"));
            directory(&path)?;
            let made = claim(&path);
            match made {
                Ok(Some(lock)) => {
                    return Ok(Home {
                        path,
                        tag,
                        _lock: lock,
                    });
                }
                // Somebody who looks for the files of the dead has taken the directory before it was locked.
                Ok(None) if attempts < 8 => attempts += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < 8 => {
                    attempts += 1;
                }
                Ok(None) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The directories below `root` whose processes are gone, each locked for the caller.
    ///
    /// # Errors
    /// `root` cannot be read.
    pub(crate) fn abandoned(&self, root: &Path) -> io::Result<Vec<Abandoned>> {
        let mut found = Vec::new();
        for directory in fs::read_dir(root)? {
            let directory = directory?;
            let path = directory.path();
            let named = directory.file_name();
            let theirs = named.to_str().is_some_and(|name| name.starts_with(PREFIX));
            if !theirs || path == self.path {
                continue;
            }
            if let Ok(Some(lock)) = claim(&path) {
                found.push(Abandoned { path, lock });
            }
        }
        Ok(found)
    }

    /// Removes the directory when nothing is left in it. Otherwise the next process finds it.
    pub(crate) fn leave(self) {
        remove(&self.path);
    }
}

/// The directory of a process that is gone.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) path: PathBuf,
    lock: File,
}

impl Abandoned {
    /// Removes the directory when nothing is left in it.
    pub(crate) fn leave(self) {
        remove(&self.path);
        drop(self.lock);
    }
}

/// The lock goes last, and only with everything else gone; `remove_dir` refuses to remove more.
fn remove(path: &Path) {
    let others = fs::read_dir(path).map(|entries| {
        entries
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != LOCK))
            .count()
    });
    if let Ok(0) = others {
        // Whether it succeeds or not: an empty directory does no harm, and the next process tries again.
        let _ = fs::remove_file(path.join(LOCK));
        let _ = fs::remove_dir(path);
    }
}

/// Locks a directory; None when somebody else has.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let at = path.join(LOCK);
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(&at)?;
    match file.try_lock() {
        // The file that was locked may have been removed meanwhile, with its directory.
        Ok(()) => Ok(is_same(&file, &at).then_some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes a directory for this user alone, and what it is in, unless it is there.
///
/// # Errors
/// The disk's.
pub(crate) fn directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Files that are made are for this user alone.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_found_by_others_once_its_process_has_left() {
        let root = tempfile::tempdir().unwrap();
        let one = Home::make(root.path()).unwrap();
        let two = Home::make(root.path()).unwrap();
        fs::write(one.path.join("something"), "left").unwrap();
        assert!(two.abandoned(root.path()).unwrap().is_empty());
        let left = one.path.clone();
        // As when the process dies.
        drop(one);
        let found = two.abandoned(root.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, left);
        // It is locked now, for whoever looks next.
        assert!(two.abandoned(root.path()).unwrap().is_empty());
        fs::remove_file(left.join("something")).unwrap();
        for home in found {
            home.leave();
        }
        assert!(!left.exists());
    }

    #[test]
    fn leaving_removes_what_is_empty_and_keeps_what_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Home::make(root.path()), Home::make(root.path()));
        let (one, two) = (one.unwrap(), two.unwrap());
        let (empty, full) = (one.path.clone(), two.path.clone());
        fs::write(full.join("something"), "left").unwrap();
        one.leave();
        two.leave();
        assert!(!empty.exists());
        assert!(full.join("something").exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_made_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("a/b");
        let home = Home::make(&root).unwrap();
        for (path, mode) in [
            (root.as_path(), 0o700),
            (&home.path, 0o700),
            (&home.path.join(LOCK), 0o600),
        ] {
            let found = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{}", path.display());
        }
    }
}
