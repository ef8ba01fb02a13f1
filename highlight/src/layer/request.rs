//! The span of a request under our own subscriber, which needs nobody's help to make it: it takes a place among the spans that are found
//! by their id when somebody asks for it there, as a span below it does.

use opentelemetry::Context;
use tracing::metadata::Kind;
use tracing::span::Id;
use tracing::subscriber::Interest;
use tracing::{Callsite, Level, Metadata};

use super::entry::Entry;
use super::slots::{self, Open};
use super::subscriber;
use crate::context::Ambient;
use crate::handle::Highlight;
use crate::http::FIELDS;
use crate::recording::{Recording, SpanAttributes, Title};

/// What all spans of requests are to `tracing`.
pub(crate) static METADATA: Metadata<'static> = tracing::metadata! {
    name: "request",
    target: "highlight::http",
    level: Level::INFO,
    fields: FIELDS,
    callsite: &Requests,
    kind: Kind::SPAN
};

/// Where they are made.
struct Requests;

impl Callsite for Requests {
    /// Whether they are made is asked of the subscriber, once.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

/// A request's span that has begun.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    pub(crate) recording: Recording,
    /// With the span in it.
    pub(crate) context: Context,
    /// What that has of it.
    pub(crate) ambient: Ambient,
    /// Once somebody has asked for it.
    id: Option<Id>,
}

impl RequestSpan {
    /// One that begins now.
    #[inline]
    pub(crate) fn begin(
        highlight: &Highlight,
        title: Title,
        parent: Context,
        ambient: Ambient,
        fill: impl FnOnce(&mut SpanAttributes),
    ) -> Self {
        let (recording, context, ambient) =
            Recording::begun(highlight, title, parent, ambient, fill);
        RequestSpan {
            recording,
            context,
            ambient,
            id: None,
        }
    }

    /// Its id, for whoever looks for spans by theirs. None when there are as many as can be told apart.
    pub(super) fn id(&mut self) -> Option<&Id> {
        if self.id.is_none() {
            self.id = slots::put(Open {
                users: 1,
                metadata: &METADATA,
                parent: None,
                entry: Entry::begun(self.recording.clone(), self.context.clone()),
            });
        }
        self.id.as_ref()
    }

    /// The request is over. Others may hold the span for longer.
    #[inline]
    pub(crate) fn close(self) {
        if let Some(id) = &self.id {
            subscriber::leave(id);
        }
        drop(self.context);
        self.recording.retire();
    }
}

#[cfg(test)]
mod tests {
    use tracing::Span;

    use super::*;
    use crate::http::Exchange;
    use crate::http::fake::Fake;
    use crate::testing::capture;

    #[test]
    fn whoever_asks_inside_a_request_has_its_span_also_when_that_has_ended() {
        let sent = capture(|| {
            let highlight = Highlight::current().unwrap();
            let mut exchange = Exchange::start(highlight, &Fake(&[]));
            let mut held = Span::none();
            let inside = exchange.run(|| held = Span::current());
            assert!(inside.is_ok() && Span::current().is_none());
            assert_eq!(held.metadata().map(Metadata::name), Some("request"));
            let again = exchange.run(|| Span::current().id());
            assert_eq!(again, Ok(held.id()));
            exchange.finish(200, None);
            held.in_scope(|| tracing::info!("afterwards"));
        });
        let sent = sent.to_string();
        let lines: Vec<_> = sent.lines().collect();
        let [log, span] = lines[..] else {
            panic!("a log and a span expected: {sent}")
        };
        assert_eq!(log, "log info \"afterwards\" in trace#1");
        assert!(span.starts_with("span \"GET\"") && span.ends_with("in trace#1"));
    }

    #[test]
    fn one_that_nobody_asks_for_takes_no_place() {
        capture(|| {
            let highlight = Highlight::current().unwrap();
            let mut exchange = Exchange::start(highlight, &Fake(&[]));
            let mut span = None;
            let inside = exchange.run(|| span = super::super::entered::exit_request());
            assert!(inside.is_ok());
            assert!(span.is_some_and(|span| span.id.is_none()));
        });
    }
}
