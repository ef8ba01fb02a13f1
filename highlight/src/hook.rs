//! The application's last word on a record before it is queued: change it, or keep it back.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::capture::ErrorReport;
use crate::export::proto::{self, Scalar};
use crate::export::reader::{Fields, Payload};

/// A hook on logs or on spans.
pub(crate) type RecordHook = Arc<dyn Fn(&mut Record) + Send + Sync>;
/// A hook on errors, wherever they come from.
type ErrorHook = Arc<dyn Fn(ErrorReport) -> Option<ErrorReport> + Send + Sync>;

/// The configured hooks.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) log: Option<RecordHook>,
    pub(crate) span: Option<RecordHook>,
    pub(crate) metric: Option<RecordHook>,
    pub(crate) error: Option<ErrorHook>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("log", &self.log.is_some())
            .field("span", &self.span.is_some())
            .field("metric", &self.metric.is_some())
            .field("error", &self.error.is_some())
            .finish()
    }
}

impl Hooks {
    /// The error as it is to be reported, if at all. A hook that panics keeps it back.
    pub(crate) fn error(&self, report: ErrorReport) -> Option<ErrorReport> {
        match &self.error {
            None => Some(report),
            Some(_) if INSIDE.get() => Some(report),
            Some(hook) => guarded(|| hook(report)).flatten(),
        }
    }
}

thread_local! {
    /// This thread is in a hook.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a hook; a panic in it is the hook's, not the application's.
fn guarded<T>(hook: impl FnOnce() -> T) -> Option<T> {
    INSIDE.set(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(hook));
    INSIDE.set(false);
    result.ok()
}

/// A log, a span or a metric on its way out, shown to a hook. See [`Config::before_log`](crate::Config::before_log).
#[derive(Debug)]
pub struct Record {
    text: String,
    text_changed: bool,
    attributes: Vec<(String, Attribute)>,
    discarded: bool,
}

#[derive(Debug)]
enum Attribute {
    Text(String),
    /// The encoded value, shown as text.
    Other {
        shown: String,
        bytes: Vec<u8>,
    },
}

impl Record {
    /// A log's message, a span's or a metric's name.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the message or name.
    pub fn set_text(&mut self, text: impl Into<String>) {
        self.text = text.into();
        self.text_changed = true;
    }

    /// An attribute's value as text; numbers are formatted, lists and maps are empty.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(match value {
            Attribute::Text(text) => text,
            Attribute::Other { shown, .. } => shown,
        })
    }

    /// The names of all attributes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// Sets an attribute, replacing the one of that name.
    pub fn set_attribute(&mut self, name: &str, value: impl Into<String>) {
        self.remove_attribute(name);
        let value = Attribute::Text(value.into());
        self.attributes.push((name.to_owned(), value));
    }

    /// Takes an attribute out.
    pub fn remove_attribute(&mut self, name: &str) {
        self.attributes.retain(|(known, _)| known != name);
    }

    /// Keeps the whole record back. It is counted as [`DropReason::Hook`](crate::DropReason::Hook).
    pub fn discard(&mut self) {
        self.discarded = true;
    }
}

/// Where a signal's message keeps what a hook may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The field number of the attributes.
    pub(crate) attributes: u32,
    /// The field number of the message or name.
    pub(crate) text: u32,
    /// The text is an `AnyValue`, not a string.
    pub(crate) text_is_any: bool,
}

/// Shows the encoded record to the hook, and writes it again as the hook left it. False when it is not to be sent: the hook said
/// so, or panicked. What a hook records itself is not shown to any: that would have no end.
pub(crate) fn apply(hook: &RecordHook, layout: Layout, buf: &mut Vec<u8>) -> bool {
    if INSIDE.get() {
        return true;
    }
    let (mut record, rest) = read(layout, buf);
    if guarded(|| hook(&mut record)).is_none() || record.discarded {
        return false;
    }
    buf.clear();
    buf.extend_from_slice(&rest);
    if record.text_changed && layout.text_is_any {
        proto::any_field(buf, layout.text, Scalar::Str(&record.text));
    } else if record.text_changed {
        proto::str_field(buf, layout.text, &record.text);
    }
    for (name, value) in &record.attributes {
        match value {
            Attribute::Text(text) => {
                proto::key_value(buf, layout.attributes, name, Scalar::Str(text));
            }
            Attribute::Other { bytes, .. } => {
                proto::key_value_with(buf, layout.attributes, name, |buf| {
                    buf.extend_from_slice(bytes);
                });
            }
        }
    }
    true
}

/// The parts a hook sees, and the bytes of all the others. The text stays among those: written a second time, it wins.
fn read(layout: Layout, bytes: &[u8]) -> (Record, Vec<u8>) {
    let mut record = Record {
        text: String::new(),
        text_changed: false,
        attributes: Vec::new(),
        discarded: false,
    };
    let mut rest = Vec::with_capacity(bytes.len());
    for field in Fields::new(bytes) {
        if field.number == layout.attributes
            && let Payload::Bytes(pair) = field.payload
        {
            record.attributes.push(read_attribute(pair));
            continue;
        }
        if field.number == layout.text
            && let Payload::Bytes(text) = field.payload
        {
            record.text = if layout.text_is_any {
                show(text).into_owned()
            } else {
                String::from_utf8_lossy(text).into_owned()
            };
        }
        rest.extend_from_slice(field.raw);
    }
    (record, rest)
}

fn read_attribute(pair: &[u8]) -> (String, Attribute) {
    let mut name = String::new();
    let mut value = Attribute::Text(String::new());
    for field in Fields::new(pair) {
        match (field.number, field.payload) {
            (1, Payload::Bytes(text)) => name = String::from_utf8_lossy(text).into_owned(),
            (2, Payload::Bytes(any)) => {
                value = Attribute::Other {
                    shown: show(any).into_owned(),
                    bytes: any.to_vec(),
                };
            }
            _ => {}
        }
    }
    (name, value)
}

/// A `KeyValue` as two texts.
pub(crate) fn read_attribute_text(pair: &[u8]) -> (String, String) {
    let (name, value) = read_attribute(pair);
    match value {
        Attribute::Text(text) => (name, text),
        Attribute::Other { shown, .. } => (name, shown),
    }
}

/// An `AnyValue` as text.
pub(crate) fn show(any: &[u8]) -> Cow<'_, str> {
    match Fields::new(any)
        .next()
        .map(|field| (field.number, field.payload))
    {
        Some((1, Payload::Bytes(text))) => String::from_utf8_lossy(text),
        Some((3, Payload::Varint(number))) => number.cast_signed().to_string().into(),
        Some((4, Payload::Fixed64(bits))) => f64::from_bits(bits).to_string().into(),
        _ => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message as _;

    const SPAN: Layout = Layout {
        attributes: 9,
        text: 5,
        text_is_any: false,
    };

    fn span() -> Vec<u8> {
        let mut buf = Vec::new();
        proto::bytes_field(&mut buf, 1, &[7; 16]);
        proto::str_field(&mut buf, 5, "GET /");
        proto::fixed64_field(&mut buf, 7, 42);
        proto::key_value(&mut buf, 9, "user", Scalar::Str("ann"));
        proto::key_value(&mut buf, 9, "size", Scalar::Int(-3));
        proto::key_value(&mut buf, 9, "ratio", Scalar::Double(0.5));
        proto::fixed32_field(&mut buf, 16, 1);
        buf
    }

    fn applied(hook: impl Fn(&mut Record) + Send + Sync + 'static) -> Option<Span> {
        let mut buf = span();
        let hook: RecordHook = Arc::new(hook);
        apply(&hook, SPAN, &mut buf).then(|| Span::decode(buf.as_slice()).unwrap())
    }

    #[test]
    fn a_hook_that_only_looks_changes_nothing() {
        let seen = applied(|record| {
            assert_eq!(record.text(), "GET /");
            assert_eq!(record.attribute("user"), Some("ann"));
            assert_eq!(record.attribute("size"), Some("-3"));
            assert_eq!(record.attribute("ratio"), Some("0.5"));
            assert_eq!(record.attribute("none"), None);
        });
        assert_eq!(seen, Some(Span::decode(span().as_slice()).unwrap()));
    }

    #[test]
    fn a_hook_can_change_everything_it_sees() {
        let changed = applied(|record| {
            record.set_text("GET /{id}");
            record.set_attribute("user", "bob");
            record.remove_attribute("size");
        })
        .unwrap();
        assert_eq!(changed.name, "GET /{id}");
        assert_eq!(changed.start_time_unix_nano, 42);
        assert_eq!(changed.flags, 1);
        let names: Vec<_> = changed
            .attributes
            .iter()
            .map(|pair| pair.key.as_str())
            .collect();
        assert_eq!(names, ["ratio", "user"]);
    }

    #[test]
    fn a_hook_can_keep_a_record_back_and_one_that_panics_does() {
        assert_eq!(applied(Record::discard), None);
        assert_eq!(applied(|_| panic!("in the hook")), None);
    }
}
