//! A span's attributes, in their wire form from the moment they are known.

use opentelemetry::KeyValue;

use crate::context::Ambient;
use crate::export::log_record::MAX_ATTRIBUTES;
use crate::export::proto::{self, Scalar};
use crate::export::{span, value};
use crate::scope::Scope;
use crate::scrub::Scrub;

/// The attributes of a span, as fields of its message.
#[derive(Debug, Clone, Default)]
pub(crate) struct EncodedAttributes {
    pub(super) bytes: Vec<u8>,
    count: u32,
    /// How many there were beyond the limit.
    pub(super) over: u32,
}

impl EncodedAttributes {
    /// With room for so many of usual sizes.
    pub(crate) fn with_room_for(count: usize) -> Self {
        const USUAL: usize = 48;
        EncodedAttributes {
            bytes: Vec::with_capacity((count + 1) * USUAL),
            ..EncodedAttributes::default()
        }
    }

    /// Adds the one that `write` writes.
    #[inline]
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count < MAX_ATTRIBUTES {
            self.count += 1;
            write(&mut self.bytes);
        } else {
            self.over += 1;
        }
    }

    pub(crate) fn append(&mut self, others: &EncodedAttributes) {
        self.over += others.over;
        if self.count + others.count <= MAX_ATTRIBUTES {
            self.count += others.count;
            self.bytes.extend_from_slice(&others.bytes);
        } else {
            self.over += others.count;
        }
    }

    pub(super) fn push(&mut self, attribute: &KeyValue, scrub: &Scrub) {
        let name = attribute.key.as_str();
        self.add(|buf| value::attribute(buf, span::ATTRIBUTES, name, &attribute.value, scrub));
    }

    /// What every span has that begins here.
    pub(super) fn push_ambient(&mut self, ambient: &Ambient, scrub: &Scrub) {
        let buf = &mut self.bytes;
        if let Some(session) = ambient.session() {
            let id = Scalar::Str(session.secure_id());
            proto::key_value(buf, span::ATTRIBUTES, "highlight.session_id", id);
        }
        if let Some(scope) = ambient.scope() {
            self.push_tags(scope, scrub);
        }
    }

    pub(crate) fn push_tags(&mut self, scope: &Scope, scrub: &Scrub) {
        let buf = &mut self.bytes;
        scope.each_tag(|name, tag| {
            value::field(buf, span::ATTRIBUTES, name, Scalar::Str(tag), scrub);
        });
    }
}
