//! A span of ours while it lasts: an OpenTelemetry span whose parts are in their wire form from the moment they are known.

mod attributes;
mod begun;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Event, Link, Span, SpanContext, SpanKind, Status, TraceContextExt as _,
};
use opentelemetry::{Context, KeyValue, StringValue};

use crate::export::buffer::lock;
use crate::export::deferred::Gap;
use crate::export::log_record::unix_nanos;
use crate::export::span::{self, Head};
use crate::export::worker::is_worker;
use crate::handle::Highlight;
use crate::http::Names;
use crate::scrub::Scrub;
pub(crate) use attributes::EncodedAttributes;
use begun::{Begun, inside_the_session};

/// OpenTelemetry's default limits; what is beyond is counted, not sent.
const MAX_EVENTS: u32 = 128;
const MAX_LINKS: u32 = 128;
const MAX_ATTRIBUTES_PER_PART: usize = 128;

/// What is known of a span when it is made.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: StringValue,
    pub(crate) kind: SpanKind,
    pub(crate) status: Status,
    pub(crate) attributes: EncodedAttributes,
}

impl Draft {
    pub(crate) fn new(name: impl Into<StringValue>) -> Self {
        Draft {
            name: name.into(),
            kind: SpanKind::Internal,
            status: Status::Unset,
            attributes: EncodedAttributes::default(),
        }
    }
}

/// A span, from when it is made until it ends. Its clones are the same span.
///
/// It starts at once but begins later, when its ids are asked for: until then its parent may still be set.
#[derive(Debug, Clone)]
pub(crate) struct Recording(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    highlight: Highlight,
    begun: OnceLock<Begun>,
    /// None when it is not sampled, and when it has ended.
    live: Mutex<Option<Live>>,
}

#[derive(Debug)]
struct Live {
    /// Until it begins.
    parent: Option<Context>,
    draft: Draft,
    /// Nanoseconds since 1970.
    start: u64,
    /// Events and links, as fields of the span's message.
    parts: Vec<u8>,
    events: u32,
    links: u32,
    gaps: Vec<Gap>,
}

impl Recording {
    /// A span that starts now, and begins later below the one in `parent`.
    pub(crate) fn new(highlight: &Highlight, draft: Draft, parent: Context) -> Self {
        let live = Live {
            parent: Some(parent),
            draft,
            start: unix_nanos(SystemTime::now()),
            parts: Vec::new(),
            events: 0,
            links: 0,
            gaps: Vec::new(),
        };
        Recording(Arc::new(Shared {
            highlight: highlight.clone(),
            begun: OnceLock::new(),
            live: Mutex::new(Some(live)),
        }))
    }

    pub(crate) fn highlight(&self) -> &Highlight {
        &self.0.highlight
    }

    /// Sets the parent; false when the span has begun already.
    pub(crate) fn set_parent(&self, parent: Context) -> bool {
        let mut live = lock(&self.0.live);
        match live.as_mut().and_then(|live| live.parent.as_mut()) {
            Some(old) => {
                *old = parent;
                true
            }
            None => false,
        }
    }

    /// Begins the span, if the sampling takes it. The context with it in it; none when it has begun already.
    pub(crate) fn begin(&self) -> Option<Context> {
        let parent = self.0.begin(&mut lock(&self.0.live))?;
        Some(parent.with_span(self.clone()))
    }

    /// Adds attributes that are encoded already.
    pub(crate) fn add_encoded(&self, attributes: &EncodedAttributes) {
        self.change(|live, _| live.draft.attributes.append(attributes));
    }

    /// Adds attributes of a server span, that `add` encodes.
    pub(crate) fn describe(&self, add: impl FnOnce(&mut EncodedAttributes, &Names, &Scrub)) {
        self.change(|live, highlight| {
            let attributes = &mut live.draft.attributes;
            let intake = &highlight.0.intake;
            intake.with_server_names(|names, scrub| add(attributes, names, scrub));
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
        self.change(|live, _| {
            if status > live.draft.status {
                live.draft.status = status;
            }
        });
    }

    pub(crate) fn link(&self, other: SpanContext, attributes: Vec<KeyValue>) {
        self.change(|live, highlight| live.link(highlight, other, attributes));
    }

    fn change(&self, change: impl FnOnce(&mut Live, &Highlight)) {
        if let Some(live) = lock(&self.0.live).as_mut() {
            change(live, &self.0.highlight);
        }
    }

    /// Hands the span over, once.
    pub(crate) fn finish(&self) {
        self.0.finish(|_| unix_nanos(SystemTime::now()));
    }

    /// The same for who measured how long it took.
    pub(crate) fn finish_after(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.finish(|start| start.saturating_add(took));
    }
}

impl Shared {
    /// The parent's context; none when the span has begun already.
    fn begin(&self, slot: &mut Option<Live>) -> Option<Context> {
        let live = slot.as_mut()?;
        let client = &self.highlight.0;
        let (parent, ambient) = inside_the_session(live.parent.take()?, client.owner);
        let begun = Begun::below(&parent, &live.draft, &client.sampling);
        if begun.context.is_sampled() {
            let attributes = &mut live.draft.attributes;
            let intake = &client.intake;
            intake.with_scrub(|scrub| attributes.push_ambient(&ambient, scrub));
        } else {
            *slot = None;
        }
        // Only who took the parent comes here.
        let _ = self.begun.set(begun);
        Some(parent)
    }

    /// Hands it over, if it has not ended before. `end` is told when it started; both are nanoseconds since 1970.
    fn finish(&self, end: impl FnOnce(u64) -> u64) {
        let live = {
            let mut slot = lock(&self.live);
            self.begin(&mut slot);
            slot.take()
        };
        let (Some(live), Some(begun)) = (live, self.begun.get()) else {
            return;
        };
        if is_worker() {
            return;
        }
        let client = &self.highlight.0;
        client.intake.finished_span(&client.scope, |buf, scrub| {
            let head = Head {
                context: &begun.context,
                parent: begun.parent,
                parent_is_remote: begun.parent_is_remote,
                name: live.draft.name.as_str(),
                kind: &live.draft.kind,
                start: live.start,
                end: end(live.start),
            };
            live.write(buf, &head, scrub);
            live.gaps
        });
    }
}

impl Drop for Shared {
    /// As in OpenTelemetry's SDK, a span that nobody ended ends here.
    fn drop(&mut self) {
        let is_open = self.live.get_mut().is_ok_and(|live| live.is_some());
        if is_open {
            self.finish(|_| unix_nanos(SystemTime::now()));
        }
    }
}

impl Live {
    fn write(&self, buf: &mut Vec<u8>, head: &Head<'_>, scrub: &Scrub) {
        head.write(buf);
        let attributes = &self.draft.attributes;
        buf.extend_from_slice(&attributes.bytes);
        span::write_status(buf, &self.draft.status, scrub);
        buf.extend_from_slice(&self.parts);
        span::write_dropped(
            buf,
            attributes.over,
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

impl Span for Recording {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let event = Event::new(name, timestamp, attributes, 0);
        self.change(|live, highlight| live.event(highlight, event));
    }

    fn span_context(&self) -> &SpanContext {
        let begun = self.0.begun.get();
        begun.map_or(&SpanContext::NONE, |begun| &begun.context)
    }

    fn is_recording(&self) -> bool {
        lock(&self.0.live).is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.change(|live, highlight| {
            let attributes = &mut live.draft.attributes;
            let push = |scrub: &Scrub| attributes.push(&attribute, scrub);
            highlight.0.intake.with_scrub(push);
        });
    }

    fn set_status(&mut self, status: Status) {
        self.settle(status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.rename(new_name.into().into());
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.0.finish(|_| unix_nanos(timestamp));
    }
}
