//! What the end-to-end tests share; the tests themselves are in `tests/`.

pub mod faulty;
pub mod scenarios;
pub mod support;
