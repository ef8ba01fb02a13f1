//! Where libchdb lies on this machine: what the environment says, or else the user's cache.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Error, VERSION};

/// The environment variable that names a libchdb to use instead of the cached one.
pub const VARIABLE: &str = "HIGHLIGHT_LIBCHDB";

/// A libchdb on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    path: PathBuf,
}

impl Library {
    /// The library at `path`, without looking whether it is there.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Finds the library that [`VARIABLE`] names, or else the one in the user's cache.
    ///
    /// # Errors
    /// When there is no file at that place, or no cache directory; the message names the ways out.
    pub fn locate() -> Result<Self, Error> {
        let library = Self::expected()?;
        if library.path.is_file() {
            Ok(library)
        } else {
            Err(Error::NotFound { path: library.path })
        }
    }

    /// Where the library is expected, whether or not it is there yet.
    ///
    /// # Errors
    /// When neither [`VARIABLE`] nor a cache or home directory is set.
    pub fn expected() -> Result<Self, Error> {
        resolve(cfg!(target_os = "macos"), |name| env::var_os(name))
    }

    /// The library's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn resolve(macos: bool, var: impl Fn(&str) -> Option<OsString>) -> Result<Library, Error> {
    let set = |name: &str| {
        var(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = set(VARIABLE) {
        return Ok(Library { path });
    }
    let home_cache = if macos { "Library/Caches" } else { ".cache" };
    let cache = set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(home_cache)))
        .ok_or(Error::NoCacheDirectory)?;
    Ok(Library {
        path: cache
            .join("highlight-rust/chdb")
            .join(VERSION)
            .join("libchdb.so"),
    })
}

#[cfg(test)]
mod tests {
    use super::{VARIABLE, resolve};

    #[test]
    fn the_variable_wins_then_the_cache_then_the_home_directory() {
        let version = crate::VERSION;
        for (macos, set, expected) in [
            (
                false,
                &[(VARIABLE, "/lib/a.so"), ("HOME", "/h")][..],
                Some("/lib/a.so".to_owned()),
            ),
            (
                false,
                &[(VARIABLE, ""), ("XDG_CACHE_HOME", "/c"), ("HOME", "/h")],
                Some(format!("/c/highlight-rust/chdb/{version}/libchdb.so")),
            ),
            (
                false,
                &[("HOME", "/h")],
                Some(format!(
                    "/h/.cache/highlight-rust/chdb/{version}/libchdb.so"
                )),
            ),
            (
                true,
                &[("HOME", "/h")],
                Some(format!(
                    "/h/Library/Caches/highlight-rust/chdb/{version}/libchdb.so"
                )),
            ),
            (false, &[], None),
        ] {
            let found = resolve(macos, |name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.into())
            });
            assert_eq!(
                found.ok().map(|library| library.path.display().to_string()),
                expected
            );
        }
    }
}
