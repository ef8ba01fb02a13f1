//! What arrives, and what the console shows. Global to this binary: the SDK and the `tracing` subscriber.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use server_mock::MockServer;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

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
fn each_layer_has_a_filter_of_its_own() {
    let server = MockServer::start();
    let highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .filter("info")
        .own_subscriber()
        .init()
        .unwrap();
    let screen = Screen::default();
    let writer = screen.clone();
    let filter = EnvFilter::new("warn");
    crate::subscriber(&highlight, filter, move || writer.clone()).init();

    crate::bake("rye", 240);
    crate::bake("wheat", 290);
    highlight.flush().unwrap();

    let received = server.received();
    let logs: Vec<_> = received.logs.iter().map(|log| log.body.as_str()).collect();
    assert_eq!(logs, ["baked", "a dark crust", "baked"]);
    let spans: Vec<_> = received
        .spans
        .iter()
        .map(|span| (span.name.as_str(), span.attributes["bread"].as_str()))
        .collect();
    assert_eq!(spans, [("bake", "rye"), ("bake", "wheat")]);
    assert_eq!(received.logs[1].span_id, received.spans[1].span_id);

    let shown = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains("a dark crust"), "{shown}");
}
