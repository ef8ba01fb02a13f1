//! The panic hook: a panic becomes an error with message, place, thread, stack, session and span.

use std::any::Any;
use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::KeyValue;

use crate::capture::{CODE_FILE, ErrorReport, bounded};
use crate::export::worker::is_worker;
use crate::handle::Highlight;
use crate::stacktrace::RawStack;

const MAX_MESSAGE_BYTES: usize = 16_384;

thread_local! {
    /// While a request is being handled: panics for its server span. None outside of requests.
    static REQUEST: RefCell<Option<Vec<ErrorReport>>> = const { RefCell::new(None) };
}

/// Our hook is in place.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// True when panics are reported to the installed SDK.
pub(crate) fn is_hooked() -> bool {
    HOOKED.load(Ordering::Relaxed)
}

/// Installs the hook in front of the one that is there, which still runs. It is there once, for every `init` of the process.
pub(crate) fn install() {
    // The standard library does not allow it while panicking.
    if std::thread::panicking() || HOOKED.swap(true, Ordering::Relaxed) {
        return;
    }
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // A panic on the worker would wait for itself; the worker's own code survives it.
        let highlight = Highlight::installed().filter(|_| !is_worker());
        let aborts = highlight.is_some_and(|highlight| report(highlight, info));
        previous(info);
        if let Some(highlight) = highlight
            && aborts
        {
            // The last thing that runs: send from here, within the shutdown timeout.
            let _ = highlight.flush();
        }
    }));
}

/// Hands the panic on; true when the process will not survive it.
fn report(highlight: &Highlight, info: &PanicHookInfo<'_>) -> bool {
    let message = message(info.payload());
    let aborts = cfg!(panic = "abort") || ends_the_process(&message);
    let report = ErrorReport::panic(message, RawStack::capture(), place(info));
    let unclaimed = if aborts {
        Some(report)
    } else {
        hand_to_request(report)
    };
    if let Some(report) = unclaimed {
        highlight.capture(report);
    }
    aborts
}

/// The two panics of the core library behind which there is no unwinding (`core::panicking`).
fn ends_the_process(message: &str) -> bool {
    [
        "panic in a destructor during cleanup",
        "panic in a function that cannot unwind",
    ]
    .contains(&message)
}

/// Keeps the panic for the server span of the request this thread is handling; gives it back when there is none.
fn hand_to_request(report: ErrorReport) -> Option<ErrorReport> {
    let mut report = Some(report);
    let _ = REQUEST.try_with(|request| {
        if let Ok(mut request) = request.try_borrow_mut()
            && let Some(panics) = request.as_mut()
        {
            panics.extend(report.take());
        }
    });
    report
}

/// Runs a step of a request's handling, keeping its panics for the caller: those reported by the hook, and whether one of
/// them got out.
#[inline]
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> (Result<T, String>, Vec<ErrorReport>) {
    let outer = REQUEST.replace(Some(Vec::new()));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let panics = REQUEST.replace(outer).unwrap_or_default();
    (result.map_err(|payload| message(&*payload)), panics)
}

fn place(info: &PanicHookInfo<'_>) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    if let Some(location) = info.location() {
        let line = i64::from(location.line());
        attributes.push(KeyValue::new(CODE_FILE, location.file().to_owned()));
        attributes.push(KeyValue::new("code.line.number", line));
    }
    if let Some(name) = std::thread::current().name() {
        attributes.push(KeyValue::new("thread.name", name.to_owned()));
    }
    attributes
}

/// The text of a panic's payload, which may be any type. A type that is not listed here cannot be told by name: Rust keeps
/// nothing of it but a number.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    macro_rules! text {
        ($($kind:ty),+ $(,)?) => {
            $(if let Some(value) = payload.downcast_ref::<$kind>() {
                return bounded(MAX_MESSAGE_BYTES, value);
            })+
        };
    }
    text!(
        &'static str,
        String,
        Cow<'static, str>,
        Box<str>,
        Arc<str>,
        char,
        bool
    );
    macro_rules! number {
        ($($kind:ty),+ $(,)?) => {
            $(if let Some(value) = payload.downcast_ref::<$kind>() {
                return format!("{value} ({})", std::any::type_name::<$kind>());
            })+
        };
    }
    number!(
        i32, u32, i64, u64, usize, isize, i16, u16, i8, u8, i128, u128, f64, f32
    );
    if let Some(error) = payload.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return error_text(error.as_ref());
    }
    if payload.is::<Box<dyn Error + Send>>() {
        return "Box<dyn Error + Send>".to_owned();
    }
    if payload.is::<()>() {
        return "()".to_owned();
    }
    format!("Box<dyn Any> ({:?})", payload.type_id())
}

/// An error's text is made by the application's code, which may panic; inside a panic hook that would end the process. So it
/// is made on a thread of its own.
fn error_text(error: &(dyn Error + Send + Sync)) -> String {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("highlight-panic".to_owned())
            .spawn_scoped(scope, || bounded(MAX_MESSAGE_BYTES, error))
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .unwrap_or_else(|| "Box<dyn Error + Send + Sync>".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    fn caught(work: impl FnOnce()) -> String {
        catch(work).0.unwrap_err()
    }

    #[test]
    fn a_message_is_found_for_any_payload() {
        #[derive(Debug)]
        struct Own;
        let error: Box<dyn Error + Send + Sync> = "boxed".into();
        assert_eq!(caught(|| panic!("literal")), "literal");
        assert_eq!(caught(|| panic!("formatted {}", 1)), "formatted 1");
        assert_eq!(caught(|| panic_any(42_i32)), "42 (i32)");
        assert_eq!(caught(|| panic_any(1.5_f64)), "1.5 (f64)");
        assert_eq!(caught(move || panic_any(error)), "boxed");
        assert_eq!(caught(|| panic_any(Cow::Borrowed("cow"))), "cow");
        assert!(caught(|| panic_any(Own)).starts_with("Box<dyn Any> (TypeId("));
    }

    #[test]
    fn a_caught_request_leaves_no_trace_on_the_thread() {
        let (result, panics) = catch(|| 5);
        assert_eq!(result, Ok(5));
        assert!(panics.is_empty());
        REQUEST.with_borrow(|request| assert!(request.is_none()));
    }
}
