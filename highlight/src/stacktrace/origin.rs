//! Whose code a source file is: the application's, a dependency's, or the standard library's.

use std::path::Path;

/// Where cargo keeps sources that are not the application's.
const REGISTRY: &str = "/registry/src/";
const CHECKOUTS: &str = "/git/checkouts/";

/// Whether a source file is the application's own: not the standard library's, a registry's or a git checkout's.
pub(super) fn is_app(file: &str) -> bool {
    let file = forward_slashes(file);
    !is_std(&file) && !file.contains(REGISTRY) && !file.contains(CHECKOUTS)
}

/// Whether a file is Rust source, not libc's C.
pub(super) fn is_rust(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

/// Whether a file, with forward slashes, is the standard library's.
pub(super) fn is_std(file: &str) -> bool {
    [
        "/rustc/",
        "/rust/deps/",
        "library/std/",
        "library/core/",
        "library/alloc/",
    ]
    .iter()
    .any(|start| file.starts_with(start))
        || file.contains("/rustlib/src/")
}

/// The crate name of a dependency's file: `…/registry/src/<index>/<name>-<version>/…` or
/// `…/git/checkouts/<repository>/<revision>/…/<name>/src/…`.
pub(super) fn package(file: &str) -> Option<String> {
    let name = if let Some((_, path)) = file.split_once(REGISTRY) {
        let folder = path.split('/').nth(1)?;
        let version = folder
            .match_indices('-')
            .find(|(dash, _)| folder[dash + 1..].starts_with(|c: char| c.is_ascii_digit()));
        &folder[..version?.0]
    } else {
        let (_, path) = file.split_once(CHECKOUTS)?;
        path.split_once("/src/")?.0.rsplit('/').next()?
    };
    Some(name.replace('-', "_"))
}

/// A path as Unix writes it.
pub(super) fn forward_slashes(file: &str) -> String {
    file.replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::{is_app, package};

    #[test]
    fn files_below_cargo_and_rustc_are_not_the_applications() {
        for (file, in_app) in [
            ("/home/me/shop/src/main.rs", true),
            ("examples/axum/src/main.rs", true),
            ("/home/me/projects/library/core/src/lib.rs", true),
            (
                "/home/me/.cargo/registry/src/index-12ab/hyper-1.7.0/src/lib.rs",
                false,
            ),
            (
                r"C:\Users\me\.cargo\registry\src\index-12ab\hyper-1.7.0\src\lib.rs",
                false,
            ),
            (
                "/usr/local/cargo/registry/src/index-12ab/hyper-1.7.0/src/lib.rs",
                false,
            ),
            (
                "/home/me/.cargo/git/checkouts/hyper-12ab/34cd/src/lib.rs",
                false,
            ),
            ("/rustc/0123abcd/library/core/src/option.rs", false),
            (r"/rustc/0123abcd\library\core\src\option.rs", false),
            ("library/std/src/panicking.rs", false),
            ("/rust/deps/hashbrown-0.15.5/src/map.rs", false),
            (
                "/toolchains/stable/lib/rustlib/src/rust/library/std/src/io/mod.rs",
                false,
            ),
        ] {
            assert_eq!(is_app(file), in_app, "{file}");
        }
    }

    #[test]
    fn a_dependencys_file_names_its_crate() {
        for (file, name) in [
            (
                "/cargo/registry/src/index-12ab/tracing-core-0.1.34/src/event.rs",
                Some("tracing_core"),
            ),
            (
                "/cargo/registry/src/index-12ab/highlight-axum-1.0.0-rc.1/src/lib.rs",
                Some("highlight_axum"),
            ),
            (
                "/cargo/git/checkouts/highlight-rust-12ab/34cd/highlight/src/capture.rs",
                Some("highlight"),
            ),
            ("/cargo/registry/src/index-12ab/odd", None),
            ("/home/me/highlight/src/main.rs", None),
        ] {
            assert_eq!(package(file).as_deref(), name, "{file}");
        }
    }
}
