//! What is known of a call site of `tracing`'s macros before it is reached: worked out once, when it is reached first.

use std::sync::OnceLock;

use tracing::field::Field;
use tracing::{Level, Metadata};

use super::keyed::Keyed;
use super::log_record::{self, Location, Severity};
use super::span;
use crate::scrub::Scrub;

/// Call sites that are remembered; a power of two. A service has some hundreds that are enabled.
const SLOTS: usize = 1024;
/// Slots that a call site may be in; where others have taken them, it is worked out each time.
const PROBES: usize = 16;

/// What is known of one call site.
#[derive(Debug)]
pub(crate) struct Site {
    metadata: &'static Metadata<'static>,
    /// Its place in the table, where its events or spans are told by notes.
    pub(crate) noted_as: Option<u16>,
    pub(crate) severity: Severity,
    /// Of an event: the encoded fields that are the same each time.
    pub(crate) opening: Box<[u8]>,
    /// By the field's index.
    pub(crate) fields: Box<[SiteField]>,
}

/// What is known of a field of a call site.
#[derive(Debug)]
pub(crate) struct SiteField {
    pub(crate) role: Role,
    pub(crate) keyed: Keyed,
}

/// What a field is for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An attribute.
    Attribute,
    /// Of an event: its body.
    Message,
    /// Of an event at level ERROR: the error itself.
    Error,
    /// Of an event that `tracing-log` made: where in the code it was made.
    Place,
    /// Of a span: what `tracing-opentelemetry` made special.
    Name,
    Kind,
    StatusCode,
    StatusMessage,
}

impl Site {
    fn new(metadata: &'static Metadata<'static>, index: Option<u16>, scrub: &Scrub) -> Self {
        let severity = severity(*metadata.level());
        let is_event = metadata.is_event();
        let role = if is_event { event_role } else { span_role };
        let attributes = if is_event {
            log_record::ATTRIBUTES
        } else {
            span::ATTRIBUTES
        };
        let mut opening = Vec::new();
        if is_event {
            log_record::write_severity(&mut opening, severity);
            if !comes_from_log(metadata) {
                let location = Location {
                    target: metadata.target(),
                    file: metadata.file(),
                    line: metadata.line(),
                };
                log_record::write_location(&mut opening, &location);
            }
        }
        let field = |field: Field| SiteField {
            role: role(metadata, field.name()),
            keyed: Keyed::new(attributes, field.name(), scrub),
        };
        let fields: Box<[_]> = metadata.fields().iter().map(field).collect();
        Site {
            metadata,
            noted_as: index.filter(|_| is_noted(metadata, &fields)),
            severity,
            opening: opening.into(),
            fields,
        }
    }

    /// True when its events are made by `tracing-log`: their place is in fields.
    pub(crate) fn comes_from_log(&self) -> bool {
        comes_from_log(self.metadata)
    }

    pub(crate) fn has_file(&self) -> bool {
        self.metadata.file().is_some()
    }

    /// `field` is one of the call site's own.
    #[inline]
    pub(crate) fn field(&self, field: &Field) -> Option<&SiteField> {
        self.fields.get(field.index())
    }
}

/// An event's error is more than a note can say, and so is what `tracing-log` made.
fn is_noted(metadata: &Metadata<'_>, fields: &[SiteField]) -> bool {
    let says_more = metadata.is_event()
        && (comes_from_log(metadata) || fields.iter().any(|field| field.role == Role::Error));
    !says_more && u8::try_from(fields.len()).is_ok()
}

/// The target of all events that `tracing-log` makes.
fn comes_from_log(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "log"
}

fn event_role(metadata: &Metadata<'_>, name: &str) -> Role {
    match name {
        "message" => Role::Message,
        "error" | "err" | "exception" if *metadata.level() == Level::ERROR => Role::Error,
        _ if comes_from_log(metadata) && name.starts_with("log.") => Role::Place,
        _ => Role::Attribute,
    }
}

fn span_role(_: &Metadata<'_>, name: &str) -> Role {
    match name {
        "otel.name" => Role::Name,
        "otel.kind" => Role::Kind,
        "otel.status_code" => Role::StatusCode,
        "otel.status_description" | "otel.status_message" => Role::StatusMessage,
        _ => Role::Attribute,
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}

/// The call sites reached so far. Nothing is ever taken out, so looking one up takes no lock.
#[derive(Debug)]
pub(crate) struct Sites(Box<[OnceLock<Box<Site>>]>);

impl Sites {
    pub(crate) fn new() -> Self {
        Sites((0..SLOTS).map(|_| OnceLock::new()).collect())
    }

    /// The call site in this place.
    pub(crate) fn get(&self, index: u16) -> Option<&Site> {
        Some(self.0.get(usize::from(index))?.get()?)
    }

    /// Shows the call site to `work`.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        metadata: &'static Metadata<'static>,
        scrub: &Scrub,
        work: impl FnOnce(&Site) -> T,
    ) -> T {
        // Its address is its identity: it lives for ever.
        let address = std::ptr::from_ref(metadata).addr();
        let first = spread(address);
        for probe in 0..PROBES {
            let index = (first + probe) % SLOTS;
            let new = || Box::new(Site::new(metadata, u16::try_from(index).ok(), scrub));
            let site = self.0[index].get_or_init(new);
            if std::ptr::eq(site.metadata, metadata) {
                return work(site);
            }
        }
        work(&Site::new(metadata, None, scrub))
    }
}

/// Neighbours in memory are far apart in the table.
fn spread(address: usize) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (address as u64).wrapping_mul(GOLDEN) >> 32;
    usize::try_from(mixed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::callsite::Identifier;
    use tracing::field::FieldSet;
    use tracing::metadata::Kind;

    struct Nowhere;

    impl tracing::Callsite for Nowhere {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            leaked("shop")
        }
    }

    static NOWHERE: Nowhere = Nowhere;

    fn leaked(target: &'static str) -> &'static Metadata<'static> {
        let fields = FieldSet::new(&["message", "cart", "error"], Identifier(&NOWHERE));
        let level = Level::ERROR;
        let metadata = Metadata::new(
            "event",
            target,
            level,
            Some("src/a.rs"),
            Some(7),
            None,
            fields,
            Kind::EVENT,
        );
        Box::leak(Box::new(metadata))
    }

    #[test]
    fn every_call_site_is_itself_also_when_the_table_is_full() {
        let (sites, scrub) = (Sites::new(), Scrub::default());
        let all: Vec<_> = (0..2 * SLOTS).map(|_| leaked("shop")).collect();
        for _ in 0..2 {
            for metadata in &all {
                sites.with(metadata, &scrub, |site| {
                    assert!(std::ptr::eq(site.metadata, *metadata));
                });
            }
        }
        assert!(sites.0.iter().all(|slot| slot.get().is_some()));
    }

    #[test]
    fn a_field_s_role_is_in_its_name() {
        let site = Site::new(leaked("shop"), None, &Scrub::default());
        let roles: Vec<_> = site.fields.iter().map(|field| field.role).collect();
        assert_eq!(roles, [Role::Message, Role::Attribute, Role::Error]);
        assert!(!site.comes_from_log() && site.has_file());
        assert!(Site::new(leaked("log"), None, &Scrub::default()).comes_from_log());
    }
}
