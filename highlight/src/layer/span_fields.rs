//! A span's fields: attributes in their wire form, and those that `tracing-opentelemetry` made special.

use std::error::Error;
use std::fmt::{Debug, Display};

use opentelemetry::StringValue;
use opentelemetry::trace::{SpanKind, Status};
use tracing::Metadata;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Record};

use super::fields::Debugged;
use super::noted::Noted;
use crate::capture::bounded;
use crate::export::proto::{MAX_ATTRIBUTE_BYTES, Scalar};
use crate::export::site::{Role, Site};
use crate::handle::Highlight;
use crate::recording::SpanAttributes;
use crate::scrub::Scrub;

/// What fields say of their span, beside its attributes.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) name: Option<StringValue>,
    pub(super) kind: Option<SpanKind>,
    pub(super) status: Option<Status>,
}

/// Something with fields.
pub(super) trait HasFields {
    fn visit(&self, visitor: &mut dyn Visit);
}

impl HasFields for Attributes<'_> {
    fn visit(&self, visitor: &mut dyn Visit) {
        self.record(visitor);
    }
}

impl HasFields for Record<'_> {
    fn visit(&self, visitor: &mut dyn Visit) {
        self.record(visitor);
    }
}

/// Reads the fields of a span of the call site that `metadata` describes, and puts the attributes into `attributes`.
pub(super) fn read(
    highlight: &Highlight,
    metadata: &'static Metadata<'static>,
    fields: &impl HasFields,
    attributes: &mut SpanAttributes,
) -> Told {
    attributes.reserve(metadata.fields().len());
    let mut told = Told::default();
    highlight.0.intake.at(metadata, |site, scrub| {
        if site.noted_as.is_none() {
            return fields.visit(&mut Reader {
                site,
                scrub,
                attributes,
                told: &mut told,
            });
        }
        attributes.note(metadata, |values| {
            let mut noted = Noted::of_span(site, values, &mut told);
            fields.visit(&mut noted);
            noted.count()
        });
    });
    told
}

impl Told {
    /// Takes what a field says of the span that is no attribute.
    pub(super) fn special(&mut self, role: Role, value: &(impl Display + ?Sized)) {
        let text = bounded(MAX_ATTRIBUTE_BYTES, value);
        match role {
            Role::Name => self.name = Some(text.into()),
            Role::Kind => self.kind = kind(&text),
            Role::StatusCode => {
                self.status = match text.to_ascii_lowercase().as_str() {
                    "ok" => Some(Status::Ok),
                    "error" => Some(Status::error("")),
                    _ => None,
                };
            }
            _ => self.status = Some(Status::error(text)),
        }
    }
}

/// For a call site that has no place in the table: what it says is encoded at once.
struct Reader<'a> {
    site: &'a Site,
    scrub: &'a Scrub,
    attributes: &'a mut SpanAttributes,
    told: &'a mut Told,
}

impl Reader<'_> {
    #[inline]
    fn scalar(&mut self, field: &Field, value: Scalar<'_>) {
        if let Some(known) = self.site.field(field) {
            let scrub = self.scrub;
            let write = |buf: &mut Vec<u8>| known.keyed.scalar(buf, value, scrub);
            self.attributes.add(write);
        }
    }

    fn display(&mut self, field: &Field, value: &(impl Display + ?Sized)) {
        let Some(known) = self.site.field(field) else {
            return;
        };
        if known.role == Role::Attribute {
            let scrub = self.scrub;
            let write = |buf: &mut Vec<u8>| known.keyed.display(buf, value, scrub);
            self.attributes.add(write);
        } else {
            self.told.special(known.role, value);
        }
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    let kinds = [
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
        ("internal", SpanKind::Internal),
    ];
    let mut kinds = kinds.into_iter();
    let (_, kind) = kinds.find(|(name, _)| name.eq_ignore_ascii_case(text))?;
    Some(kind)
}

impl Visit for Reader<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(known) = self.site.field(field) {
            self.attributes.add(|buf| known.keyed.bool(buf, value));
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.scalar(field, Scalar::Double(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.scalar(field, Scalar::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.scalar(field, Scalar::Int(value)),
            Err(_) => self.display(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.site.field(field).map(|known| known.role) {
            Some(Role::Attribute) => self.scalar(field, Scalar::Str(value)),
            Some(role) => self.told.special(role, value),
            None => {}
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.display(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.display(field, &Debugged(value));
    }
}
