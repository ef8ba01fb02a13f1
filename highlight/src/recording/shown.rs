//! What OpenTelemetry's API sees of a span of ours.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Span, SpanContext, Status};

use super::Recording;
use crate::export::buffer::lock;
use crate::export::log_record::unix_nanos;

/// A span that has begun, as a context has it.
#[derive(Debug)]
pub(super) struct Shown {
    recording: Recording,
    context: SpanContext,
}

impl Shown {
    pub(super) fn new(recording: Recording, context: SpanContext) -> Self {
        Shown { recording, context }
    }
}

impl Span for Shown {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let event = Event::new(name, timestamp, attributes, 0);
        let add = |live: &mut super::Live, highlight: &_| live.event(highlight, event);
        self.recording.change(add);
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        !lock(&self.recording.0.live).is_over()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        let add = |attributes: &mut super::SpanAttributes, scrub: &_| {
            attributes.push(&attribute, scrub);
        };
        self.recording.add(add);
    }

    fn set_status(&mut self, status: Status) {
        self.recording.settle(status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.recording.rename(new_name.into().into());
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.recording.link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.recording.0.finish(|_, _| unix_nanos(timestamp));
    }
}
