//! What the end-to-end tests share; the tests themselves are in `tests/`.

pub mod services;
pub mod support;

/// The README's programs, compiled and run as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
