//! A request's span: opened, and entered.

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, ContextGuard};

use super::route::Route;
use crate::context::Ambient;
use crate::handle::Highlight;
use crate::layer::entered::{enter_request, exit_request};
use crate::layer::for_requests;
use crate::layer::prepared::{self, Prepared};
use crate::layer::request::RequestSpan;
use crate::owner::Owner;
use crate::recording::{SpanAttributes, Title};

/// A request's span that has begun.
#[derive(Debug)]
pub(super) struct Opened {
    /// None while it is entered under our own subscriber.
    span: Option<RequestSpan>,
    under: Under,
}

/// Who is told when it is entered.
#[derive(Debug)]
enum Under {
    /// Our own subscriber: that of this SDK.
    Own(Owner),
    /// Another, by `tracing`'s span.
    Tracing(tracing::Span),
    /// Nobody. The application's filters take the span out, and the context does without it.
    Nobody,
}

/// While it lasts, what is recorded is the span's.
pub(super) enum Inside<'a> {
    Own(&'a mut Option<RequestSpan>),
    Tracing {
        _entered: tracing::span::Entered<'a>,
    },
    Alone {
        _attached: ContextGuard,
    },
    Nowhere,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Inside::Own(span) = self {
            **span = exit_request();
        }
    }
}

impl Opened {
    /// A `tracing` span, so that what is spawned `in_current_span` stays below it; where the filters take it out, or another
    /// subscriber is in charge, a span of our own. `parent` has `ambient`; `fill` adds the attributes.
    #[inline]
    pub(super) fn new(
        highlight: &Highlight,
        route: &Route,
        parent: Context,
        ambient: Ambient,
        fill: impl FnOnce(&mut SpanAttributes),
    ) -> Self {
        let title = Title {
            name: route.name.clone(),
            kind: SpanKind::Server,
        };
        let mut asked = Some((title, parent, ambient, fill));
        let own = for_requests(|highlight| {
            let (title, parent, ambient, fill) = asked.take()?;
            let span = RequestSpan::begin(highlight, title, parent, ambient, fill);
            Some((span, Under::Own(highlight.0.owner)))
        });
        let elsewhere = || {
            let (title, parent, _, fill) = asked?;
            let (span, under) = open_elsewhere(highlight, route, title, parent);
            span.recording.add(|attributes, _| fill(attributes));
            Some((span, under))
        };
        let (span, under) = own.flatten().or_else(elsewhere).unzip();
        Opened {
            span,
            under: under.unwrap_or(Under::Nobody),
        }
    }

    /// Makes it the current one.
    #[inline]
    pub(super) fn enter(&mut self) -> Inside<'_> {
        let Opened { span, under } = self;
        match under {
            Under::Own(owner) => {
                let entered = span.take().map(|span| enter_request(span, *owner));
                match entered {
                    Some(Ok(())) => Inside::Own(span),
                    // The thread is ending.
                    Some(Err(back)) => {
                        *span = Some(back);
                        Inside::Nowhere
                    }
                    None => Inside::Nowhere,
                }
            }
            Under::Tracing(span) => Inside::Tracing {
                _entered: span.enter(),
            },
            Under::Nobody => match span {
                Some(span) => Inside::Alone {
                    _attached: span.context.clone().attach(),
                },
                None => Inside::Nowhere,
            },
        }
    }

    /// None while it is entered.
    #[inline]
    pub(super) fn get(&self) -> Option<&RequestSpan> {
        self.span.as_ref()
    }

    /// The request is over. Tasks spawned inside may hold `tracing`'s span for longer.
    #[inline]
    pub(super) fn close(&mut self) {
        // What others have of it goes first, so that the next span can be made of this one.
        self.under = Under::Nobody;
        if let Some(span) = self.span.take() {
            span.close();
        }
    }
}

/// By way of `tracing`'s macros, where our own subscriber is not in charge.
#[inline(never)]
fn open_elsewhere(
    highlight: &Highlight,
    route: &Route,
    title: Title,
    parent: Context,
) -> (RequestSpan, Under) {
    let open = || tracing::info_span!(target: "highlight::http", parent: None, "request", otel.name = route.name.as_str(), otel.kind = "server");
    match prepared::open(title, parent, open) {
        Ok((span, opened)) => (opened, Under::Tracing(span)),
        Err(Prepared { title, parent }) => {
            let ambient = Ambient::of(&parent);
            let span = RequestSpan::begin(highlight, title, parent, ambient, |_| ());
            (span, Under::Nobody)
        }
    }
}
