//! What arrived, in a form that is the same each time: known ids have names, ports and times are left out.

use std::fmt::Write as _;

use highlight_tests::support::SESSION;
use server_mock::{LogRow, Received, SpanRow};

use crate::table::{PARENT, TRACE};

/// What every request from this machine has, and so is not shown.
const USUAL: [(&str, &str); 6] = [
    ("client.address", "127.0.0.1"),
    ("network.peer.address", "127.0.0.1"),
    ("network.protocol.version", "1.1"),
    ("server.address", "127.0.0.1"),
    ("server.port", "its own"),
    ("url.scheme", "http"),
];

/// The span's attributes, but for those of the process, and for the usual; one of these that lacks is shown as such.
fn own_attributes(span: &SpanRow, port: u16) -> Vec<(&str, &str)> {
    let port = port.to_string();
    let is_own = |key: &str| {
        let own = [
            "client.",
            "error.",
            "http.",
            "network.",
            "server.",
            "url.",
            "user_agent.",
        ];
        own.iter().any(|prefix| key.starts_with(prefix))
    };
    let attributes = span.attributes.iter().filter(|(key, _)| is_own(key));
    let attributes = attributes.map(|(key, value)| {
        let value = if *value == port { "its own" } else { value };
        (key.as_str(), value)
    });
    let lacking = USUAL
        .into_iter()
        .filter(|(key, _)| !span.attributes.contains_key(*key));
    attributes
        .filter(|attribute| !USUAL.contains(attribute))
        .chain(lacking.map(|(key, _)| (key, "(lacking)")))
        .collect()
}

pub(crate) fn received(received: &Received, port: u16) -> String {
    let mut text = String::new();
    for span in &received.spans {
        let kind = span.kind.to_lowercase();
        let status = span.status_code.to_lowercase();
        let session = session(&span.secure_session_id);
        let (trace, parent) = (trace(&span.trace_id), parent(&span.parent_span_id));
        writeln!(
            text,
            "{kind} {:?} {status} {:?}",
            span.name, span.status_message
        )
        .unwrap();
        writeln!(text, "  of {session}, {trace}, {parent}").unwrap();
        let attributes = own_attributes(span, port).into_iter();
        let attributes: Vec<_> = attributes
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        writeln!(text, "  {}", attributes.join(" ")).unwrap();
    }
    let at = |span_id: &str| {
        let span = received.spans.iter().find(|span| span.span_id == span_id);
        span.map_or("nowhere", |span| span.name.as_str())
    };
    let is_framework_own = |log: &LogRow| {
        let target = log.attributes.get("code.namespace");
        target.is_some_and(|target| target.starts_with("actix"))
    };
    for log in received.logs.iter().filter(|log| !is_framework_own(log)) {
        let session = session(&log.secure_session_id);
        writeln!(
            text,
            "log {:?} of {session} at {:?}",
            log.body,
            at(&log.span_id)
        )
        .unwrap();
    }
    for error in &received.errors {
        let session = session(&error.secure_session_id);
        let has_place = error.stacktrace.contains("parity/routes.rs:");
        let stack = if has_place {
            "with its place"
        } else {
            "without a place"
        };
        let (kind, message) = (&error.error_type, &error.message);
        writeln!(
            text,
            "error {kind} {message:?} {stack} of {session} at {:?}",
            at(&error.span_id)
        )
        .unwrap();
    }
    text
}

fn session(id: &str) -> &str {
    match id {
        "" => "no session",
        SESSION => "session#1",
        other => other,
    }
}

fn trace(id: &str) -> &str {
    match id {
        TRACE => "trace#1",
        "" => "no trace",
        _ => "a new trace",
    }
}

fn parent(id: &str) -> &str {
    match id {
        "" => "no parent",
        PARENT => "parent#1",
        _ => "a parent",
    }
}

/// Without what a literal in the table is indented by.
pub(crate) fn unindented(text: &str) -> String {
    let lines = text.lines().skip_while(|line| line.trim().is_empty());
    let lines: Vec<_> = lines.collect();
    let indent = lines
        .first()
        .map_or(0, |line| line.len() - line.trim_start().len());
    let cut = lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or_default());
    cut.collect::<Vec<_>>().join("\n")
}
