//! What the end-to-end tests share; the tests themselves are in `tests/`.

pub mod faulty;
#[cfg(target_os = "linux")]
pub mod namespaces;
pub mod scenarios;
pub mod services;
pub mod support;
#[cfg(target_os = "linux")]
pub mod surroundings;

/// The README's programs, compiled and run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

/// The programs of the migration tables.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migration.md")]
#[derive(Debug)]
pub struct Migration;

/// The comparison with other crates; its programs, should it have any.
#[cfg(doctest)]
#[doc = include_str!("../../docs/comparison.md")]
#[derive(Debug)]
pub struct Comparison;
