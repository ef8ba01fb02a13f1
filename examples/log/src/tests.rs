//! What arrives, and what the console shows. Global to this binary: the SDK and the logger.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use env_logger::Target;
use highlight_log::Bridge;
use log::LevelFilter;
use server_mock::MockServer;

/// A console that can be read.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn records_arrive_with_key_values_and_reach_the_console() {
    let server = MockServer::start();
    let highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .init()
        .unwrap();
    let screen = Screen::default();
    Bridge::new()
        .level(LevelFilter::Debug)
        .forward_to(crate::console(Target::Pipe(Box::new(screen.clone()))))
        .install()
        .unwrap();

    crate::restock("mugs", "41");
    crate::restock("plates", "a few");
    highlight.flush().unwrap();

    let received = server.received();
    let logs: Vec<_> = received
        .logs
        .iter()
        .map(|log| (log.severity_text.as_str(), log.body.as_str()))
        .collect();
    assert_eq!(
        logs,
        [
            ("debug", "delivery opened"),
            ("info", "restocked"),
            ("debug", "delivery opened"),
            ("error", "delivery refused"),
        ]
    );
    let restocked = &received.logs[1].attributes;
    assert_eq!(restocked["shelf"], "mugs");
    assert_eq!(restocked["count"], "41");
    assert_eq!(restocked["fragile"], "true");
    let [error] = &received.errors[..] else {
        panic!("one error, not:\n{received}");
    };
    assert_eq!(error.message, "invalid digit found in string");
    assert!(error.stacktrace.contains("log/src/main.rs:"));

    let shown = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("restocked"), "{shown}");
    assert!(!shown.contains("delivery opened"), "{shown}");
}
