//! Which npm package carries libchdb, pinned by version and content.

/// The version of `ClickHouse` this workspace is built and tested against.
pub const VERSION: &str = "26.7.3-stable.1";

/// The npm package that carries libchdb for one platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    name: &'static str,
    integrity: Option<&'static str>,
}

impl Package {
    /// The package for the platform this was compiled for, if there is one.
    ///
    /// ```
    /// if let Some(package) = chdb::Package::current() {
    ///     assert!(package.name().starts_with("@chdb/lib-"));
    /// }
    /// ```
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::of(std::env::consts::OS, std::env::consts::ARCH)
    }

    fn of(os: &str, arch: &str) -> Option<Self> {
        let (name, integrity) = match (os, arch) {
            ("linux", "x86_64") => (
                "@chdb/lib-linux-x64-gnu",
                Some(
                    "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
                ),
            ),
            ("linux", "aarch64") => ("@chdb/lib-linux-arm64-gnu", None),
            ("macos", "aarch64") => ("@chdb/lib-darwin-arm64", None),
            ("macos", "x86_64") => ("@chdb/lib-darwin-x64", None),
            _ => return None,
        };
        Some(Self { name, integrity })
    }

    /// The package's name in the registry.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The tarball's checksum in npm's form (`sha512-` and base64), where it has been checked and pinned.
    #[must_use]
    pub fn integrity(self) -> Option<&'static str> {
        self.integrity
    }

    /// Where the shared library lies inside the tarball.
    #[must_use]
    pub fn member(self) -> &'static str {
        "package/libchdb.so"
    }
}

#[cfg(test)]
mod tests {
    use super::Package;

    #[test]
    fn each_supported_platform_has_its_package() {
        for (os, arch, name) in [
            ("linux", "x86_64", Some("@chdb/lib-linux-x64-gnu")),
            ("linux", "aarch64", Some("@chdb/lib-linux-arm64-gnu")),
            ("macos", "aarch64", Some("@chdb/lib-darwin-arm64")),
            ("macos", "x86_64", Some("@chdb/lib-darwin-x64")),
            ("windows", "x86_64", None),
        ] {
            assert_eq!(Package::of(os, arch).map(Package::name), name);
        }
    }
}
