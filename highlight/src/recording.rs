//! A span of ours while it lasts: an OpenTelemetry span whose parts are noted or in their wire form from the moment they are known.

mod attributes;
mod begun;
mod shown;
mod spare;

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, StringValue};

use crate::context::Ambient;
use crate::export::buffer::lock;
use crate::export::deferred::Gap;
use crate::export::log_record::unix_nanos;
use crate::export::processors::{Finished, Form};
use crate::export::span::{self, Head};
use crate::export::worker::is_worker;
use crate::export::{scribe, span_note};
use crate::handle::Highlight;
use crate::scrub::Scrub;
pub(crate) use attributes::{Noting, SpanAttributes};
use begun::{Begun, inside_the_session};
use shown::Shown;

/// OpenTelemetry's default limits; what is beyond is counted, not sent.
const MAX_EVENTS: u32 = 128;
const MAX_LINKS: u32 = 128;
const MAX_ATTRIBUTES_PER_PART: usize = 128;

/// What a span is, as far as it is known when it is asked for.
#[derive(Debug)]
pub(crate) struct Title {
    pub(crate) name: StringValue,
    pub(crate) kind: SpanKind,
}

/// Attributes that most spans of ours have, at most.
const USUAL_ATTRIBUTES: usize = 12;

/// What is known of a span besides.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: StringValue,
    pub(crate) kind: SpanKind,
    pub(crate) status: Status,
    pub(crate) attributes: SpanAttributes,
}

impl Default for Draft {
    fn default() -> Self {
        Draft {
            name: "".into(),
            kind: SpanKind::Internal,
            status: Status::Unset,
            attributes: SpanAttributes::default(),
        }
    }
}

impl Draft {
    /// Sets the status, unless it has a higher one.
    pub(crate) fn settle(&mut self, status: Status) {
        if status > self.status {
            self.status = status;
        }
    }
}

/// A span, from when it is made until it ends. Its clones are the same span.
///
/// It starts at once but begins later, when its ids are asked for: until then its parent may still be set.
#[derive(Debug, Clone)]
pub(crate) struct Recording(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// None while it is a spare one.
    highlight: Option<Highlight>,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    stage: Stage,
    /// Until it begins.
    parent: Context,
    /// From then on.
    begun: Begun,
    draft: Draft,
    /// Nanoseconds since 1970.
    start: u64,
    /// Events and links, as fields of the span's message.
    parts: Vec<u8>,
    events: u32,
    links: u32,
    gaps: Vec<Gap>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Made,
    Begun,
    /// It has ended, or the sampling does not take it, or it is nothing yet.
    #[default]
    Over,
}

/// What a span's beginning brings.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// With the span in it.
    pub(crate) context: Context,
    /// Whatever it holds may end with it, and run the application's code: to be dropped where nothing is locked.
    pub(crate) parent: Context,
}

impl Recording {
    /// A span that starts now, and begins later below the one in `parent`.
    pub(crate) fn new(highlight: &Highlight, title: Title, parent: Context) -> Self {
        Self::filled(highlight, parent, |draft| {
            draft.name = title.name;
            draft.kind = title.kind;
            draft.attributes.reserve(USUAL_ATTRIBUTES);
        })
    }

    /// [`new`](Self::new) of what `fill` makes of an empty draft, which may have room from a span before.
    pub(crate) fn filled(
        highlight: &Highlight,
        parent: Context,
        fill: impl FnOnce(&mut Draft),
    ) -> Self {
        let mut shared = spare::take().unwrap_or_default();
        if let Some(shared) = Arc::get_mut(&mut shared) {
            shared.belong_to(highlight);
            let live = shared.live.get_mut();
            let live = live.unwrap_or_else(PoisonError::into_inner);
            fill(&mut live.draft);
            live.start = unix_nanos(SystemTime::now());
            live.parent = parent;
            live.stage = Stage::Made;
        }
        Recording(shared)
    }

    /// A span that starts and begins now, below the one in `parent`, which has `ambient`; and its own context, and what that has of it.
    /// `fill` adds attributes, if the sampling takes it.
    #[inline]
    pub(crate) fn begun(
        highlight: &Highlight,
        title: Title,
        parent: Context,
        ambient: Ambient,
        fill: impl FnOnce(&mut SpanAttributes),
    ) -> (Self, Context, Ambient) {
        let (parent, ambient) = inside_the_session(parent, ambient, highlight.0.owner);
        let mut shared = spare::take().unwrap_or_default();
        let mut own = SpanContext::NONE;
        if let Some(shared) = Arc::get_mut(&mut shared) {
            shared.belong_to(highlight);
            let live = shared.live.get_mut();
            let live = live.unwrap_or_else(PoisonError::into_inner);
            live.draft.name = title.name;
            live.draft.kind = title.kind;
            live.draft.attributes.reserve(USUAL_ATTRIBUTES);
            live.start = unix_nanos(SystemTime::now());
            live.begin_below(&parent, &ambient, highlight);
            if live.stage == Stage::Begun {
                fill(&mut live.draft.attributes);
            }
            own = live.begun.context.clone();
        }
        let recording = Recording(shared);
        let context = parent.with_span(Shown::new(recording.clone(), own));
        (recording, context, ambient)
    }

    /// True when it is a span of this SDK.
    pub(crate) fn is_of(&self, highlight: &Highlight) -> bool {
        let own = self.0.highlight.as_ref();
        own.is_some_and(|own| own.is_same(highlight))
    }

    /// Sets the parent; false when the span has begun already.
    pub(crate) fn set_parent(&self, parent: Context) -> bool {
        let mut live = lock(&self.0.live);
        if live.stage != Stage::Made {
            return false;
        }
        let before = mem::replace(&mut live.parent, parent);
        drop(live);
        // Whatever it holds may end with it.
        drop(before);
        true
    }

    /// Begins the span, if the sampling takes it; none when it has begun already.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Beginning> {
        let highlight = self.0.highlight.as_ref()?;
        let mut live = lock(&self.0.live);
        let parent = live.begin(highlight)?;
        let own = live.begun.context.clone();
        drop(live);
        let shown = Shown::new(self.clone(), own);
        Some(Beginning {
            context: parent.with_span(shown),
            parent,
        })
    }

    /// The context with the span in it, which begins now; an empty one when it has begun already.
    pub(crate) fn begin_alone(&self) -> Context {
        self.begin().map(|begun| begun.context).unwrap_or_default()
    }

    /// Adds attributes that are noted or encoded already.
    pub(crate) fn add_all(&self, attributes: &SpanAttributes) {
        self.change(|live, _| live.draft.attributes.append(attributes));
    }

    /// Adds attributes that `add` encodes.
    pub(crate) fn add(&self, add: impl FnOnce(&mut SpanAttributes, &Scrub)) {
        self.change(|live, highlight| {
            let attributes = &mut live.draft.attributes;
            highlight
                .0
                .intake
                .with_scrub(|scrub| add(attributes, scrub));
        });
    }

    pub(crate) fn rename(&self, name: StringValue) {
        self.change(|live, _| live.draft.name = name);
    }

    pub(crate) fn set_kind(&self, kind: SpanKind) {
        self.change(|live, _| live.draft.kind = kind);
    }

    /// A success stays one, and an error is only overruled by that.
    pub(crate) fn settle(&self, status: Status) {
        self.change(|live, _| live.draft.settle(status));
    }

    pub(crate) fn link(&self, other: SpanContext, attributes: Vec<KeyValue>) {
        self.change(|live, highlight| live.link(highlight, other, attributes));
    }

    fn change(&self, change: impl FnOnce(&mut Live, &Highlight)) {
        let mut live = lock(&self.0.live);
        if let (false, Some(highlight)) = (live.is_over(), &self.0.highlight) {
            change(&mut live, highlight);
        }
    }

    /// Hands the span over, once.
    pub(crate) fn finish(&self) {
        self.0.finish(|_, _| unix_nanos(SystemTime::now()));
    }

    /// The same for who measured how long it took, with what is known of it at `last`.
    #[inline]
    pub(crate) fn finish_after(&self, took: Duration, last: impl FnOnce(&mut Draft, &Scrub)) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.finish(|live, highlight| {
            let intake = &highlight.0.intake;
            intake.with_scrub(|scrub| last(&mut live.draft, scrub));
            live.start.saturating_add(took)
        });
    }

    /// Nobody asks for the span any more, which has ended. Where nobody else has it, the next one is made of it.
    #[inline]
    pub(crate) fn retire(self) {
        spare::keep(self.0);
    }
}

impl Shared {
    #[inline]
    fn belong_to(&mut self, highlight: &Highlight) {
        let own = self.highlight.as_ref();
        if !own.is_some_and(|own| own.is_same(highlight)) {
            self.highlight = Some(highlight.clone());
        }
    }

    /// Hands it over, if it has not ended before. `end` is told when it started; both are nanoseconds since 1970.
    #[inline]
    fn finish(&self, end: impl FnOnce(&mut Live, &Highlight) -> u64) {
        let Some(highlight) = &self.highlight else {
            return;
        };
        // Dropped last, when nothing is locked.
        let _parent;
        let mut live = lock(&self.live);
        if live.stage == Stage::Over {
            return;
        }
        _parent = live.begin(highlight);
        if mem::take(&mut live.stage) == Stage::Over || is_worker() {
            return;
        }
        let end = end(&mut live, highlight);
        let client = &highlight.0;
        let attributes = &live.draft.attributes;
        let finished = Finished {
            scope: &client.scope,
            site: attributes.site,
            is_whole: live.gaps.is_empty(),
        };
        client.intake.finished(&finished, |buf, form, scrub| {
            let head = Head {
                context: &live.begun.context,
                parent: live.begun.parent,
                parent_is_remote: live.begun.parent_is_remote,
                name: live.draft.name.as_str().as_bytes(),
                kind: &live.draft.kind,
                start: live.start,
                end,
            };
            live.write(buf, &head, form, scrub);
            let gaps = mem::take(&mut live.gaps);
            // A hook may ask for the span.
            drop(live);
            gaps
        });
    }
}

impl Drop for Shared {
    /// As in OpenTelemetry's SDK, a span that nobody ended ends here.
    fn drop(&mut self) {
        let is_open = self.live.get_mut().is_ok_and(|live| !live.is_over());
        if is_open {
            self.finish(|_, _| unix_nanos(SystemTime::now()));
        }
    }
}

impl Live {
    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Its parent's context; none when it has begun already.
    #[inline]
    fn begin(&mut self, highlight: &Highlight) -> Option<Context> {
        (self.stage == Stage::Made).then(|| self.begin_made(highlight))
    }

    fn begin_made(&mut self, highlight: &Highlight) -> Context {
        let parent = mem::take(&mut self.parent);
        let ambient = Ambient::of(&parent);
        let (parent, ambient) = inside_the_session(parent, ambient, highlight.0.owner);
        self.begin_below(&parent, &ambient, highlight);
        parent
    }

    #[inline]
    fn begin_below(&mut self, parent: &Context, ambient: &Ambient, highlight: &Highlight) {
        let client = &highlight.0;
        self.begun = Begun::below(parent, &self.draft, &client.sampling);
        if self.begun.context.is_sampled() {
            let attributes = &mut self.draft.attributes;
            let intake = &client.intake;
            intake.with_scrub(|scrub| attributes.push_ambient(ambient, scrub));
            self.stage = Stage::Begun;
        } else {
            self.stage = Stage::Over;
        }
    }

    #[inline]
    fn write(&self, buf: &mut Vec<u8>, head: &Head<'_>, form: Form<'_>, scrub: &Scrub) {
        let attributes = &self.draft.attributes.bytes;
        match form {
            Form::Note(site) => {
                // Mostly there is nothing of it, which takes no memory.
                let mut rest = Vec::new();
                if self.has_rest() {
                    self.write_rest(&mut rest, scrub);
                }
                span_note::write(buf, head, site, attributes, &rest);
            }
            Form::Record(site) => {
                head.write(buf);
                scribe::write_values(buf, attributes, site, scrub);
                self.write_rest(buf, scrub);
            }
        }
    }

    fn has_rest(&self) -> bool {
        let has_status = !matches!(self.draft.status, Status::Unset);
        has_status || !self.parts.is_empty() || self.draft.attributes.over > 0
    }

    /// What comes behind the attributes.
    #[inline(never)]
    fn write_rest(&self, buf: &mut Vec<u8>, scrub: &Scrub) {
        span::write_status(buf, &self.draft.status, scrub);
        buf.extend_from_slice(&self.parts);
        span::write_dropped(
            buf,
            self.draft.attributes.over,
            self.events.saturating_sub(MAX_EVENTS),
            self.links.saturating_sub(MAX_LINKS),
        );
    }

    fn event(&mut self, highlight: &Highlight, mut event: Event) {
        self.events += 1;
        if self.events > MAX_EVENTS {
            return;
        }
        event.dropped_attributes_count = cut(&mut event.attributes);
        let write = |scrub: &Scrub| span::write_event(&mut self.parts, &event, scrub);
        self.gaps.extend(highlight.0.intake.with_scrub(write));
    }

    fn link(&mut self, highlight: &Highlight, other: SpanContext, mut attributes: Vec<KeyValue>) {
        self.links += 1;
        if self.links > MAX_LINKS {
            return;
        }
        let dropped = cut(&mut attributes);
        let link = Link::new(other, attributes, dropped);
        let write = |scrub: &Scrub| span::write_link(&mut self.parts, &link, scrub);
        highlight.0.intake.with_scrub(write);
    }
}

/// Keeps as many attributes as an event or a link may have; says how many there were beyond.
fn cut(attributes: &mut Vec<KeyValue>) -> u32 {
    let over = attributes.len().saturating_sub(MAX_ATTRIBUTES_PER_PART);
    attributes.truncate(MAX_ATTRIBUTES_PER_PART);
    u32::try_from(over).unwrap_or(u32::MAX)
}
