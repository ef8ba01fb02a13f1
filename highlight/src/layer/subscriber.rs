//! The subscriber that `init` installs: it has no other layers, so it needs no registry to share spans with them.
//!
//! What it does with a span is what [`HighlightLayer`] does. What it saves is to look the span up in the registry for each layer and
//! filter at each step of its life, and to keep what belongs to it in a map that any layer may put into.

use std::mem;

use opentelemetry::Context;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, registry};

use super::filter::Directives;
use super::request;
use super::slots::{self, Open};
use super::{HighlightLayer, Known, entered};
use crate::handle::Highlight;
use crate::owner::Owner;
use crate::recording::Recording;

/// A subscriber with nothing but our layer under the configured filter.
pub(crate) fn subscriber(highlight: &Highlight) -> Dispatch {
    match Directives::new(&highlight.0.filter) {
        Directives::ByPlace(targets) => {
            Owner::count_layer();
            let layer = HighlightLayer {
                highlight: highlight.clone(),
            };
            Dispatch::new(Spans::new(layer, targets))
        }
        // Which spans are entered has a say in what is captured.
        Directives::BySpan(_) => {
            Dispatch::new(registry().with(super::layer::<Registry>(highlight)))
        }
    }
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Spans {
    layer: HighlightLayer,
    targets: Targets,
    /// The filter lets the spans of requests through.
    takes_requests: bool,
}

/// The id of a span that is not recorded.
const NOBODY: u64 = u64::MAX;

/// Where our own subscriber is in charge and takes the spans of requests, shows whose it is.
#[inline]
pub(crate) fn for_requests<T>(work: impl FnOnce(&Highlight) -> T) -> Option<T> {
    let mut work = Some(work);
    tracing::dispatcher::get_default(|dispatch| {
        let spans = dispatch.downcast_ref::<Spans>()?;
        let highlight = &spans.layer.highlight;
        let takes_it = spans.takes_requests && !highlight.is_silent();
        Some(work.take().filter(|_| takes_it)?(highlight))
    })
}

/// One user less of that span, which closes with the last one: true then.
pub(super) fn leave(id: &Id) -> bool {
    let Some(mut open) = slots::leave(id) else {
        return false;
    };
    // A span closes its parent with it, where nobody else holds that.
    loop {
        let parent = mem::take(&mut open.parent);
        open.entry.close();
        match parent.as_ref().and_then(slots::leave) {
            Some(above) => open = above,
            None => return true,
        }
    }
}

impl Spans {
    fn new(layer: HighlightLayer, targets: Targets) -> Self {
        let metadata = &request::METADATA;
        let takes_requests = *metadata.level() <= STATIC_MAX_LEVEL
            && targets.would_enable(metadata.target(), metadata.level());
        Spans {
            layer,
            targets,
            takes_requests,
        }
    }

    /// The context with the span in it, which begins now, if it had not.
    #[inline]
    pub(super) fn context(&self, id: &Id) -> Option<Context> {
        // Dropped last, when nothing is locked.
        let mut parent = None;
        let own = |open: &mut Open| {
            let is_own = self.is_own(open);
            is_own.then(|| open.entry.context_mut(&mut parent))
        };
        slots::with(id, own)?
    }

    pub(super) fn recording(&self, id: &Id) -> Option<Recording> {
        let own = |open: &mut Open| self.is_own(open).then(|| open.entry.recording().clone());
        slots::with(id, own)?
    }

    /// Spans of other subscribers are in the same places.
    fn is_own(&self, open: &Open) -> bool {
        open.entry.recording().is_of(&self.layer.highlight)
    }

    fn owner(&self) -> Owner {
        self.layer.highlight.0.owner
    }

    fn would_enable(&self, metadata: &Metadata<'_>) -> bool {
        self.targets
            .would_enable(metadata.target(), metadata.level())
    }

    /// One user more of that span; None where there is none.
    fn join(id: &Id) -> Option<Id> {
        slots::with(id, |open| open.users += 1)?;
        Some(id.clone())
    }

    /// The id of the span that the new one is to outlive.
    fn parent_of(&self, attributes: &Attributes<'_>) -> Option<Id> {
        match attributes.parent() {
            Some(parent) => Self::join(parent),
            None if attributes.is_contextual() => entered::innermost(self.owner(), Self::join),
            None => None,
        }
    }
}

impl Known for Spans {
    fn context_of(&self, _: &Highlight, id: &Id) -> Option<Context> {
        self.context(id)
    }

    #[inline]
    fn current(&self, _: &Highlight) -> Option<Context> {
        entered::innermost(self.owner(), |id| self.context(id))
    }
}

impl Subscriber for Spans {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.would_enable(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.would_enable(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        tracing_subscriber::Layer::<Registry>::max_level_hint(&self.targets)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let made = self.layer.made(attributes, self).and_then(|entry| {
            slots::put(Open {
                users: 1,
                metadata: attributes.metadata(),
                parent: self.parent_of(attributes),
                entry,
            })
        });
        made.unwrap_or(Id::from_u64(NOBODY))
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let known = slots::with(id, |open| (open.metadata, open.entry.recording().clone()));
        if let Some((metadata, recording)) = known {
            // The values' own code may log: nothing is held while it runs.
            super::tell(&self.layer.highlight, &recording, metadata, values);
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        if let (Some(recording), Some(followed)) = (self.recording(id), self.context(follows)) {
            super::follow(&recording, &followed);
        }
    }

    fn event(&self, event: &Event<'_>) {
        self.layer.event(event, self);
    }

    fn enter(&self, id: &Id) {
        if let Some(context) = self.context(id) {
            entered::enter(id, self.owner(), context);
        }
    }

    fn exit(&self, id: &Id) {
        entered::exit(id, self.owner());
    }

    fn clone_span(&self, id: &Id) -> Id {
        Self::join(id).unwrap_or_else(|| id.clone())
    }

    fn try_close(&self, id: Id) -> bool {
        leave(&id)
    }

    fn current_span(&self) -> Current {
        let metadata = |id: &Id| {
            let metadata = slots::with(id, |open| open.metadata)?;
            Some(Current::new(id.clone(), metadata))
        };
        entered::innermost(self.owner(), metadata).unwrap_or_else(Current::none)
    }
}
