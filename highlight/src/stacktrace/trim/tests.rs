//! Trimming, on symbols as compilers write them.

use super::{Part, frames};
use crate::stacktrace::{origin::is_app, resolve::Symbol};

const STD: &str = "/rustc/0123abcd/library/core/src/lib.rs";
const DEP: &str = "/home/me/.cargo/registry/src/index-12ab/tokio-1.47.0/src/lib.rs";
const APP: &str = "/home/me/shop/src/main.rs";

fn symbol(function: &str, file: &str) -> Symbol {
    let file = (!file.is_empty()).then(|| file.to_owned());
    Symbol {
        part: Part::of(function, file.as_deref()),
        in_app: file.as_deref().is_some_and(is_app),
        function: function.to_owned(),
        file,
        line: 1,
    }
}

fn kept(symbols: &[(&str, &str)]) -> Vec<String> {
    let symbols: Vec<_> = symbols
        .iter()
        .map(|(name, file)| symbol(name, file))
        .collect();
    let symbols: Vec<_> = symbols.iter().collect();
    let frames = frames(&symbols).into_iter();
    frames.map(|frame| frame.function).collect()
}

#[test]
fn reporting_and_shims_are_noise() {
    for name in [
        "highlight::capture_error",
        "<highlight_axum::Service<S> as tower_service::Service<R>>::call",
        "log::__private_api::log_impl",
        "<&T as log::Log>::log",
        "<alloc::boxed::Box<dyn log::Log> as log::Log>::log",
        "<dyn tracing_core::subscriber::Subscriber>::event",
        "<tracing::instrument::Instrumented<T> as core::future::future::Future>::poll",
    ] {
        assert_eq!(Part::of(name, Some(DEP)), Part::Noise, "{name}");
    }
    for name in [
        "core::panicking::panic_fmt",
        "__rustc::rust_begin_unwind",
        "std::rt::lang_start::{{closure}}",
        "core::ops::function::FnOnce::call_once{{vtable.shim}}",
        "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
        "<alloc::boxed::Box<dyn core::ops::function::Fn() -> u8> as core::ops::function::Fn<A>>::call",
        "<shop::main::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
        "<T as core::convert::Into<U>>::into",
        "<core::result::Result<T,F> as core::ops::try_trait::FromResidual<R>>::from_residual",
    ] {
        assert_eq!(Part::of(name, Some(STD)), Part::Noise, "{name}");
    }
    assert_eq!(Part::of("main", None), Part::Noise);
}

#[test]
fn code_that_looks_like_reporting_stays() {
    for name in [
        "shop::main",
        "highlight_shop::pay",
        "<shop::Layer as tracing_subscriber::layer::Layer<S>>::on_event",
        "<shop::main::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
        "<shop::Error as core::convert::From<std::io::error::Error>>::from",
    ] {
        assert_eq!(Part::of(name, Some(APP)), Part::Code, "{name}");
    }
    let windows = r"\rustc\0123abcd\library\core\src\option.rs";
    for file in [STD, windows] {
        let unwrap = "core::option::Option<T>::unwrap";
        assert_eq!(Part::of(unwrap, Some(file)), Part::Std, "{file}");
    }
}

#[test]
fn bare_names_are_told_apart_by_their_files() {
    let cargo = "/cargo/registry/src/index-12ab";
    let std = "/rustc/0123abcd/library";
    for (name, file, part) in [
        ("main", APP.to_owned(), Part::Code),
        ("clone", APP.to_owned(), Part::Code),
        (
            "start_thread",
            "./nptl/pthread_create.c".into(),
            Part::Noise,
        ),
        ("poll<tokio::Task>", DEP.to_owned(), Part::Code),
        (
            "event",
            format!("{cargo}/tracing-core-0.1.34/src/event.rs"),
            Part::Noise,
        ),
        (
            "call",
            format!("{cargo}/highlight-axum-0.1.0/src/lib.rs"),
            Part::Noise,
        ),
        (
            "pay",
            format!("{cargo}/highlight-shop-0.1.0/src/lib.rs"),
            Part::Code,
        ),
        (
            "call_once<fn(), ()>",
            format!("{std}/core/src/ops/function.rs"),
            Part::Noise,
        ),
        ("unwrap<u8>", format!("{std}/core/src/option.rs"), Part::Std),
    ] {
        assert_eq!(Part::of(name, Some(&file)), part, "{name}");
    }
}

#[test]
fn a_panic_starts_at_the_call_that_panicked() {
    let names = kept(&[
        ("highlight::stacktrace::RawStack::capture", DEP),
        ("highlight::panic::report", DEP),
        ("shop::main::{{closure}}", APP),
        (
            "<alloc::boxed::Box<F,A> as core::ops::function::Fn<Args>>::call",
            STD,
        ),
        ("std::panicking::rust_panic_with_hook", STD),
        ("std::sys::backtrace::__rust_end_short_backtrace", STD),
        ("__rustc::rust_begin_unwind", STD),
        ("core::panicking::panic_fmt", STD),
        ("core::option::unwrap_failed", STD),
        ("core::option::Option<T>::unwrap", STD),
        ("shop::pay", APP),
        ("core::iter::traits::iterator::Iterator::for_each", STD),
        ("shop::main", APP),
        ("core::ops::function::FnOnce::call_once", STD),
        ("std::sys::backtrace::__rust_begin_short_backtrace", STD),
        ("std::rt::lang_start::{{closure}}", STD),
        ("shop::outside", APP),
    ]);
    let story = [
        "shop::pay",
        "core::iter::traits::iterator::Iterator::for_each",
        "shop::main",
    ];
    assert_eq!(names, story);
}

#[test]
fn reporting_in_the_middle_goes_and_the_frameworks_stay() {
    let names = kept(&[
        ("highlight::capture_error", DEP),
        ("shop::pay::{{closure}}", APP),
        ("<axum::handler::Handler as tower::Service>::call", DEP),
        (
            "<highlight_axum::Future<F> as core::future::future::Future>::poll",
            DEP,
        ),
        ("std::panicking::try", STD),
        ("without_a_file", ""),
        ("tokio::runtime::task::raw::poll", DEP),
        ("std::rt::lang_start", STD),
        ("main", ""),
        ("_start", ""),
    ]);
    let story = [
        "shop::pay::{{closure}}",
        "<axum::handler::Handler as tower::Service>::call",
        "tokio::runtime::task::raw::poll",
    ];
    assert_eq!(names, story);
}

#[test]
fn what_would_be_empty_stays_whole() {
    let all = [
        "highlight::capture_error",
        "core::option::Option<T>::unwrap",
    ];
    assert_eq!(kept(&[(all[0], DEP), ("main", ""), (all[1], STD)]), all);
    assert!(kept(&[("shop::pay", "")]).is_empty());
}

#[test]
fn the_innermost_64_frames_are_kept() {
    let names: Vec<_> = (0..100).map(|depth| format!("shop::f{depth}")).collect();
    let symbols: Vec<_> = names.iter().map(|name| (name.as_str(), APP)).collect();
    assert_eq!(kept(&symbols), names[..64]);
}
