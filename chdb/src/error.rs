//! What can go wrong between this process and libchdb, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why libchdb could not be found, opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shared library is not where it was looked for.
    #[error(
        "no libchdb at {}: fetch it with `cargo xtask clickhouse`, point {} at one, \
         or use a server with `--clickhouse http://user:password@host:8123`",
        path.display(), crate::VARIABLE
    )]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No package of libchdb is published for this operating system and processor.
    #[error(
        "libchdb is not packaged for this platform: point {} at a build of it, \
         or use a server with `--clickhouse http://user:password@host:8123`",
        crate::VARIABLE
    )]
    Platform,
    /// Neither a cache directory nor a home directory is set.
    #[error(
        "no cache directory: set HOME or XDG_CACHE_HOME, or point {} at libchdb",
        crate::VARIABLE
    )]
    NoCacheDirectory,
    /// The file is there, but is not a libchdb this crate can use.
    #[error("cannot load {} as libchdb: fetch it again with `cargo xtask clickhouse`", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the dynamic linker said.
        source: libloading::Error,
    },
    /// The data directory cannot be created or written.
    #[error("cannot write the data directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has the data directory open.
    #[error("another process uses the data directory {}: stop it, or choose another directory", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The engine did not open the data directory.
    #[error("libchdb cannot open the data directory {}: it has said why on stderr", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
    },
    /// The process already uses another data directory.
    #[error(
        "the process already has the data directory {} open, and can have only one: {} needs a process of its own",
        open.display(), asked.display()
    )]
    OtherDirectory {
        /// The directory that is open.
        open: PathBuf,
        /// The directory that was asked for.
        asked: PathBuf,
    },
    /// `ClickHouse` refused a statement; this is its own text.
    #[error("{message}")]
    Statement {
        /// `ClickHouse`'s text, which starts with `Code: N.`.
        message: String,
    },
    /// The engine's thread is gone.
    #[error("the embedded engine is closed")]
    Closed,
}

impl Error {
    /// `ClickHouse`'s number for what went wrong (`Code: 60.` is 60), when a statement failed.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Statement { message } => message
                .split_once("Code: ")?
                .1
                .split_once('.')?
                .0
                .parse()
                .ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn the_code_is_read_from_the_text() {
        for (message, code) in [
            ("Code: 60. DB::Exception: Unknown table", Some(60)),
            ("Code: x. DB::Exception", None),
            ("something else", None),
        ] {
            assert_eq!(
                Error::Statement {
                    message: message.to_owned()
                }
                .code(),
                code
            );
        }
    }
}
