//! A `tracing` span's OpenTelemetry span: kept in the registry, begun when it is first needed.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, ContextGuard, KeyValue};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::registry::{Extensions, ExtensionsMut, LookupSpan as _, Registry};

use super::fields::Debugged;
use crate::capture::bounded;
use crate::export::buffer::lock;
use crate::export::proto::MAX_ATTRIBUTE_BYTES;
use crate::handle::Highlight;
use crate::scope::Scope;
use crate::session::Session;

/// The OpenTelemetry side of one `tracing` span, for one SDK.
#[derive(Debug, Clone)]
pub(crate) struct Entry(Arc<State>);

#[derive(Debug)]
struct State {
    highlight: Highlight,
    /// What is known before it begins: until then its parent may still be set.
    pending: Mutex<Option<Pending>>,
    begun: OnceLock<Context>,
}

#[derive(Debug)]
struct Pending {
    builder: SpanBuilder,
    status: Status,
    parent: Context,
}

/// The entries of a span: one for each SDK whose layer is in the registry.
#[derive(Debug)]
struct Entries(Vec<Entry>);

/// Tells the SDKs of a process apart; also a value of the OpenTelemetry contexts that our layers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner(usize);

impl Owner {
    fn of(highlight: &Highlight) -> Self {
        Owner(Arc::as_ptr(&highlight.0).addr())
    }
}

/// True when another of our layers made `context`, for another SDK.
pub(super) fn is_anothers(context: &Context, highlight: &Highlight) -> bool {
    context
        .get::<Owner>()
        .is_some_and(|owner| *owner != Owner::of(highlight))
}

impl Entry {
    pub(super) fn new(highlight: &Highlight, attributes: &Attributes<'_>, parent: Context) -> Self {
        let mut builder = SpanBuilder::from_name(attributes.metadata().name())
            .with_start_time(std::time::SystemTime::now());
        let mut fields = Fields::with_capacity(attributes.fields().len());
        attributes.record(&mut fields);
        if let Some(name) = fields.name {
            builder.name = name;
        }
        builder.span_kind = fields.kind;
        builder.attributes = Some(fields.attributes);
        let pending = Pending {
            builder,
            status: fields.status.unwrap_or_default(),
            parent,
        };
        Entry(Arc::new(State {
            highlight: highlight.clone(),
            pending: Mutex::new(Some(pending)),
            begun: OnceLock::new(),
        }))
    }

    pub(super) fn put(self, extensions: &mut ExtensionsMut<'_>) {
        if let Some(entries) = extensions.get_mut::<Entries>() {
            entries.0.push(self);
        } else {
            extensions.insert(Entries(vec![self]));
        }
    }

    pub(super) fn of(extensions: &Extensions<'_>, highlight: &Highlight) -> Option<Self> {
        let entries = extensions.get::<Entries>()?;
        let mut entries = entries.0.iter();
        let entry = entries.find(|entry| Arc::ptr_eq(&entry.0.highlight.0, &highlight.0))?;
        Some(entry.clone())
    }

    /// The entry of a `tracing` span; of the first SDK where its registry has several.
    pub(crate) fn find(span: &tracing::Span) -> Option<Self> {
        span.with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            let extensions = span.extensions();
            Some(extensions.get::<Entries>()?.0.first()?.clone())
        })?
    }

    /// Its context, with the span in it; begins the span.
    pub(crate) fn context(&self) -> &Context {
        self.0.begun.get_or_init(|| {
            let Some(pending) = lock(&self.0.pending).take() else {
                return Context::default();
            };
            let highlight = &self.0.highlight;
            let has_status = pending.status != Status::Unset;
            let owner = Owner::of(highlight);
            let mut parent = with_present_session(pending.parent);
            // Below a span of ours the mark is there already.
            if parent.get::<Owner>() != Some(&owner) {
                parent = parent.with_value(owner);
            }
            let tracer = &highlight.0.tracer;
            let span = tracer.build_with_context(pending.builder, &parent);
            let context = parent.with_span(span);
            if has_status {
                context.span().set_status(pending.status);
            }
            context
        })
    }

    /// The context when the span has begun.
    pub(crate) fn begun(&self) -> Option<&Context> {
        self.0.begun.get()
    }

    /// Sets the parent; false when the span has begun already.
    pub(crate) fn set_parent(&self, parent: Context) -> bool {
        match lock(&self.0.pending).as_mut() {
            Some(pending) => {
                pending.parent = parent;
                true
            }
            None => false,
        }
    }

    pub(super) fn record(&self, values: &Record<'_>) {
        let mut fields = Fields::with_capacity(values.len());
        values.record(&mut fields);
        if let Some(context) = self.begun() {
            let span = context.span();
            for attribute in fields.attributes {
                span.set_attribute(attribute);
            }
            if let Some(name) = fields.name {
                span.update_name(name);
            }
            if let Some(status) = fields.status {
                span.set_status(status);
            }
        } else if let Some(pending) = lock(&self.0.pending).as_mut() {
            let builder = &mut pending.builder;
            builder
                .attributes
                .get_or_insert_default()
                .extend(fields.attributes);
            builder.name = fields
                .name
                .unwrap_or_else(|| std::mem::take(&mut builder.name));
            builder.span_kind = fields.kind.or(builder.span_kind.take());
            pending.status = fields
                .status
                .unwrap_or_else(|| std::mem::take(&mut pending.status));
        }
    }

    pub(crate) fn link(&self, other: SpanContext) {
        if let Some(context) = self.begun() {
            context.span().add_link(other, Vec::new());
        } else if let Some(pending) = lock(&self.0.pending).as_mut() {
            let links = pending.builder.links.get_or_insert_default();
            links.push(Link::with_context(other));
        }
    }
}

/// A span that was made before the session was there, as in `with_session(session, job.instrument(span))`, begins inside of it.
fn with_present_session(parent: Context) -> Context {
    if parent.get::<Session>().is_some() {
        return parent;
    }
    let present = crate::context::current(|context| {
        let session = context.get::<Session>()?.clone();
        Some((session, context.get::<Scope>().cloned()))
    });
    match present.flatten() {
        None => parent,
        Some((session, None)) => parent.with_value(session),
        Some((session, Some(scope))) => parent.with_value(session).with_value(scope),
    }
}

thread_local! {
    /// The contexts of the spans that are entered on this thread.
    static ENTERED: RefCell<Vec<(Id, Owner, ContextGuard)>> = const { RefCell::new(Vec::new()) };
}

/// Makes the span's context the current one.
pub(super) fn enter(id: &Id, highlight: &Highlight, context: Context) {
    // On a thread that is being torn down neither OpenTelemetry's thread-local nor ours can be used.
    if crate::context::current(|_| ()).is_some() {
        let entered = (id.clone(), Owner::of(highlight), context.attach());
        let _ = ENTERED.try_with(|stack| stack.borrow_mut().push(entered));
    }
}

/// Goes back to the context before.
pub(super) fn exit(id: &Id, highlight: &Highlight) {
    let owner = Owner::of(highlight);
    let left = ENTERED.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        let at = stack
            .iter()
            .rposition(|(known, of, _)| known == id && *of == owner)?;
        Some(stack.remove(at))
    });
    // Dropped when nothing is borrowed any more: the context may be a span's last.
    drop(left);
}

/// A span's fields: attributes, and those that `tracing-opentelemetry` made special.
struct Fields {
    attributes: Vec<KeyValue>,
    name: Option<Cow<'static, str>>,
    kind: Option<SpanKind>,
    status: Option<Status>,
}

impl Fields {
    fn with_capacity(fields: usize) -> Self {
        Fields {
            attributes: Vec::with_capacity(fields),
            name: None,
            kind: None,
            status: None,
        }
    }

    fn push(&mut self, field: &Field, value: impl Into<opentelemetry::Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "otel.name" => self.name = Some(text.into()),
            "otel.kind" => self.kind = kind(&text),
            "otel.status_code" => {
                self.status = match text.to_ascii_lowercase().as_str() {
                    "ok" => Some(Status::Ok),
                    "error" => Some(Status::error("")),
                    _ => None,
                };
            }
            "otel.status_description" | "otel.status_message" => {
                self.status = Some(Status::error(text));
            }
            _ => self.push(field, text),
        }
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    match text.to_ascii_lowercase().as_str() {
        "server" => Some(SpanKind::Server),
        "client" => Some(SpanKind::Client),
        "producer" => Some(SpanKind::Producer),
        "consumer" => Some(SpanKind::Consumer),
        "internal" => Some(SpanKind::Internal),
        _ => None,
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.push(field, value),
            Err(_) => self.push(field, value.to_string()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, bounded(MAX_ATTRIBUTE_BYTES, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, bounded(MAX_ATTRIBUTE_BYTES, &Debugged(value)));
    }
}
