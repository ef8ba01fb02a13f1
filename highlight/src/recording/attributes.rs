//! A span's attributes: those of its call site as they were noted, others in their wire form from the moment they are known.

use opentelemetry::KeyValue;
use tracing::Metadata;

use crate::context::Ambient;
use crate::export::log_record::MAX_ATTRIBUTES;
use crate::export::note::Values;
use crate::export::proto::{self, MAX_ATTRIBUTE_BYTES, Scalar};
use crate::export::{span, value};
use crate::http::Field;
use crate::layer::request;
use crate::scope::Scope;
use crate::scrub::Scrub;

/// Bytes of an attribute as it usually is.
const USUAL: usize = 48;

/// The attributes of a span, as [`Values`].
#[derive(Debug, Clone, Default)]
pub(crate) struct SpanAttributes {
    pub(super) bytes: Vec<u8>,
    /// The call site that the noted ones are of.
    pub(super) site: Option<&'static Metadata<'static>>,
    count: u32,
    /// How many there were beyond the limit.
    pub(super) over: u32,
}

/// The attributes of a request's span, while they are noted.
#[derive(Debug)]
pub(crate) struct Noting<'a>(&'a mut SpanAttributes);

impl Noting<'_> {
    #[inline]
    pub(crate) fn int(&mut self, field: Field, value: i64) {
        if let Some(mut values) = self.next() {
            values.int(field as u8, value);
        }
    }

    /// A call, since there are many.
    #[inline(never)]
    pub(crate) fn text(&mut self, field: Field, text: &str) {
        /// The worker cuts at a character's end.
        const MOST: usize = MAX_ATTRIBUTE_BYTES + 8;
        if let Some(mut values) = self.next() {
            values.text(field as u8, text, MOST);
        }
    }

    #[inline]
    fn next(&mut self) -> Option<Values<'_>> {
        let attributes = &mut *self.0;
        if attributes.count < MAX_ATTRIBUTES {
            attributes.count += 1;
            Some(Values::behind(&mut attributes.bytes))
        } else {
            attributes.over += 1;
            None
        }
    }
}

impl SpanAttributes {
    /// Makes room for so many of usual sizes.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.bytes.reserve((count + 1) * USUAL);
    }

    /// Takes all away, and of the memory what is more than `keep` bytes.
    pub(super) fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.site = None;
        self.count = 0;
        self.over = 0;
    }

    /// Adds the one that `write` writes.
    #[inline]
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count < MAX_ATTRIBUTES {
            self.count += 1;
            Values::behind(&mut self.bytes).encoded(write);
        } else {
            self.over += 1;
        }
    }

    /// Adds values of the span's call site, of which `note` tells how many it noted, and how many it left out.
    pub(crate) fn note(
        &mut self,
        site: &'static Metadata<'static>,
        note: impl FnOnce(&mut Values<'_>) -> (u32, u32),
    ) {
        self.site = Some(site);
        let (noted, over) = note(&mut Values::behind(&mut self.bytes));
        self.count += noted;
        self.over += over;
    }

    /// Adds values of a request's span.
    #[inline]
    pub(crate) fn note_request(&mut self, note: impl FnOnce(&mut Noting<'_>)) {
        self.site = Some(&request::METADATA);
        note(&mut Noting(self));
    }

    pub(crate) fn append(&mut self, others: &SpanAttributes) {
        self.over += others.over;
        if self.count + others.count <= MAX_ATTRIBUTES {
            self.site = self.site.or(others.site);
            self.count += others.count;
            self.bytes.extend_from_slice(&others.bytes);
        } else {
            self.over += others.count;
        }
    }

    pub(crate) fn push(&mut self, attribute: &KeyValue, scrub: &Scrub) {
        let name = attribute.key.as_str();
        self.add(|buf| value::attribute(buf, span::ATTRIBUTES, name, &attribute.value, scrub));
    }

    /// What every span has that begins here.
    pub(super) fn push_ambient(&mut self, ambient: &Ambient, scrub: &Scrub) {
        if let Some(session) = ambient.session() {
            let id = Scalar::Str(session.secure_id());
            let mut values = Values::behind(&mut self.bytes);
            values.encoded(|buf| {
                proto::key_value(buf, span::ATTRIBUTES, "highlight.session_id", id);
            });
        }
        if let Some(scope) = ambient.used_scope() {
            self.push_tags(scope, scrub);
        }
    }

    pub(crate) fn push_tags(&mut self, scope: &Scope, scrub: &Scrub) {
        let mut values = Values::behind(&mut self.bytes);
        scope.each_tag(|name, tag| {
            let tag = Scalar::Str(tag);
            values.encoded(|buf| value::field(buf, span::ATTRIBUTES, name, tag, scrub));
        });
    }
}
