//! A request's span: opened, and entered.

use opentelemetry::Context;
use opentelemetry::trace::SpanKind;

use super::route::Route;
use crate::handle::Highlight;
use crate::layer::prepared::{self, Prepared};
use crate::recording::{Recording, Title};

/// While it lasts, what is recorded is the span's.
pub(super) enum Inside<'a> {
    Span {
        _entered: tracing::span::Entered<'a>,
    },
    Context {
        _attached: opentelemetry::ContextGuard,
    },
}

impl<'a> Inside<'a> {
    #[inline]
    pub(super) fn of(span: Option<&'a tracing::Span>, context: &Context) -> Self {
        match span {
            Some(span) => Inside::Span {
                _entered: span.enter(),
            },
            None => Inside::Context {
                _attached: context.clone().attach(),
            },
        }
    }
}

/// A `tracing` span, so that what is spawned `in_current_span` stays below it; where the filters take it out, or another
/// subscriber is in charge, a span of our own.
#[inline]
pub(super) fn open_span(
    highlight: &Highlight,
    route: &Route,
    parent: Context,
) -> (Option<tracing::Span>, Context, Recording) {
    let title = Title {
        name: route.name.clone(),
        kind: SpanKind::Server,
    };
    let open = || tracing::info_span!(target: "highlight::http", parent: None, "request", otel.name = route.name.as_str(), otel.kind = "server");
    match prepared::open(title, parent, open) {
        Ok((span, opened)) => (Some(span), opened.context, opened.recording),
        Err(Prepared { title, parent }) => {
            let server = Recording::new(highlight, title, parent);
            (None, server.begin_alone(), server)
        }
    }
}
