//! Real stacks, from capture to frames.

use std::{
    panic,
    sync::{Arc, Mutex},
};

use super::{Entries, Lines, MAX_IPS, RawStack, Resolver, SourceLines, StackForm, StackTrace};

fn resolve(raw: &RawStack) -> StackTrace {
    Resolver::new().resolve(raw)
}

#[inline(never)]
fn innermost() -> (RawStack, u32) {
    (RawStack::capture(), line!())
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the test is about a call that is inlined in every build"
)]
fn inlined() -> (RawStack, u32, u32) {
    let (raw, inner) = std::hint::black_box(innermost());
    (raw, inner, line!() - 1)
}

#[inline(never)]
fn outermost() -> (RawStack, [u32; 3]) {
    let (raw, inner, middle) = std::hint::black_box(inlined());
    (raw, [inner, middle, line!() - 1])
}

#[test]
fn frames_are_the_callers_with_their_lines() {
    let (raw, lines) = outermost();
    let trace = resolve(&raw);
    for ((frame, line), name) in
        trace
            .frames
            .iter()
            .zip(lines)
            .zip(["innermost", "inlined", "outermost"])
    {
        assert_eq!(
            frame.function,
            format!("highlight::stacktrace::tests::{name}")
        );
        assert!(
            frame.file.ends_with("stacktrace/tests.rs"),
            "{}",
            frame.file
        );
        assert_eq!(frame.line, line, "{name}");
        assert!(frame.in_app);
    }
    let outside: Vec<_> = trace.frames[3..]
        .iter()
        .map(|frame| &frame.function)
        .collect();
    assert!(
        outside[0].starts_with("highlight::stacktrace::tests::frames_are"),
        "{outside:?}"
    );
    assert!(
        outside.len() <= 2,
        "the test itself, and its closure: {outside:?}"
    );
}

#[test]
fn a_stack_travels_as_numbers() {
    let (raw, _) = innermost();
    assert!(!raw.ips().is_empty());
    let numbers: Vec<i64> = raw.ips().iter().map(|ip| ip.cast_signed()).collect();
    let back = RawStack::from_ips(numbers.into_iter().map(i64::cast_unsigned).collect());
    assert_eq!(back, raw);
    assert_eq!(resolve(&back), resolve(&raw));
    assert!(RawStack::from_ips(Vec::new()).ips().is_empty());
}

#[test]
fn a_deep_stack_keeps_its_innermost_part() {
    #[inline(never)]
    fn dive(depth: u32) -> RawStack {
        let raw = if depth == 0 {
            RawStack::capture()
        } else {
            dive(depth - 1)
        };
        std::hint::black_box(raw)
    }
    let raw = dive(1_000);
    assert_eq!(raw.ips().len(), MAX_IPS);
    assert_eq!(RawStack::from_ips(vec![1; 1_000]).ips().len(), MAX_IPS);
    let frames = resolve(&raw).frames;
    assert_eq!(frames.len(), 64);
    assert!(
        frames
            .iter()
            .all(|frame| frame.function.ends_with("::dive"))
    );
}

#[test]
fn a_real_trace_shows_its_source() {
    let (raw, _) = innermost();
    let trace = resolve(&raw);
    let mut json = String::new();
    Entries::of(&trace, Some(&mut SourceLines::new())).write(&mut json, "failed");
    let frames: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        frames[0]["lineContent"],
        "    (RawStack::capture(), line!())"
    );
    let mut text = String::new();
    Lines::of(&trace, StackForm::Go).write(&mut text, "failed", &[]);
    assert!(text.starts_with("\nfailed\nhighlight::"));
}

#[inline(never)]
fn panics(how: &str) {
    match how {
        "unwrap" => drop(std::hint::black_box(None::<String>).unwrap()),
        "expect" => drop(std::hint::black_box(Err::<String, _>("e")).expect("some")),
        "index" => drop(std::hint::black_box(Vec::<String>::new())[3].clone()),
        "slice" => drop(std::hint::black_box("é")[1..].to_owned()),
        "borrow" => {
            let cell = std::cell::RefCell::new(());
            let _held = cell.borrow_mut();
            drop(cell.borrow());
        }
        "divide" => drop(1 / std::hint::black_box(0)),
        "any" => panic::panic_any(how.len()),
        _ => panic!("{how}"),
    }
}

/// Owns the panic hook of this process, which is why every way to panic is tried here.
#[test]
fn a_panic_begins_where_it_was_raised() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let before = Arc::new(panic::take_hook());
    let (sink, next, owner) = (seen.clone(), before.clone(), std::thread::current().id());
    panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == owner {
            #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
            super::walk::tests::same();
            let line = info.location().map(panic::Location::line);
            sink.lock().unwrap().push((RawStack::capture(), line));
        } else {
            next(info);
        }
    }));
    let ways = [
        "unwrap", "expect", "index", "slice", "borrow", "divide", "any", "message",
    ];
    for how in ways {
        assert!(panic::catch_unwind(|| panics(how)).is_err());
    }
    drop(panic::take_hook());
    panic::set_hook(Box::new(move |info| before(info)));

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), ways.len());
    for ((raw, line), how) in seen.iter().zip(ways) {
        let names: Vec<_> = resolve(raw)
            .frames
            .into_iter()
            .map(|frame| (frame.function, Some(frame.line)))
            .collect();
        assert_eq!(
            names[0],
            ("highlight::stacktrace::tests::panics".to_owned(), *line),
            "{how}"
        );
        assert!(
            names.iter().all(|(name, _)| !name.contains("panicking")),
            "{how}: {names:?}"
        );
    }
}
