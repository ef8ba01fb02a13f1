//! What is known of the work being done: its user, its tags, and what it logged last.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::KeyValue;

use crate::context::Ambient;
use crate::export::buffer::lock;
use crate::export::log_record::Severity;

/// Tags beyond this are not kept.
const MAX_TAGS: usize = 64;
/// Bytes of a remembered log's text.
const MAX_CRUMB_BYTES: usize = 256;

/// The user on whose behalf something is done, by the semantic conventions' `user.*` attributes
/// (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/user/>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a user is nobody's until `set_user` is called"]
pub struct User(Vec<(&'static str, String)>);

impl User {
    /// A user known by `user.id`.
    pub fn new(id: impl Into<String>) -> Self {
        User(vec![("user.id", id.into())])
    }

    /// Adds `user.email`.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.0.push(("user.email", email.into()));
        self
    }

    /// Adds `user.name`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.push(("user.name", name.into()));
        self
    }
}

/// Shared by all that is done for one request, or inside one [`with_scope`]; it travels in the OpenTelemetry context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// So that nothing is locked for a record of a scope without tags.
    has_tags: AtomicBool,
    tags: Mutex<Option<Arc<Tags>>>,
    crumbs: Mutex<VecDeque<Crumb>>,
}

type Tags = Vec<(String, String)>;

/// A log that was made in the scope.
#[derive(Debug)]
struct Crumb {
    severity: Severity,
    text: String,
}

impl Scope {
    fn set(&self, key: &str, value: String) {
        let mut tags = lock(&self.0.tags);
        // An error that was captured has them as they were.
        let tags = Arc::make_mut(tags.get_or_insert_default());
        if let Some((_, old)) = tags.iter_mut().find(|(known, _)| known == key) {
            *old = value;
        } else if tags.len() < MAX_TAGS {
            tags.push((key.to_owned(), value));
        }
        self.0.has_tags.store(true, Ordering::Release);
    }

    /// Shows each tag to `see`.
    pub(crate) fn each_tag(&self, mut see: impl FnMut(&str, &str)) {
        if self.0.has_tags.load(Ordering::Acquire) {
            for (key, value) in lock(&self.0.tags).iter().flat_map(|tags| tags.iter()) {
                see(key, value);
            }
        }
    }

    /// The tags as they are now; none when there are none.
    pub(crate) fn tags(&self) -> Option<Arc<Tags>> {
        let has_tags = self.0.has_tags.load(Ordering::Acquire);
        has_tags.then(|| lock(&self.0.tags).clone()).flatten()
    }

    pub(crate) fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::new();
        self.each_tag(|key, value| {
            attributes.push(KeyValue::new(key.to_owned(), value.to_owned()));
        });
        attributes
    }

    /// Remembers a log; the oldest of more than `most` is forgotten.
    pub(crate) fn remember(&self, severity: Severity, text: &str, most: usize) {
        let end = text.floor_char_boundary(MAX_CRUMB_BYTES);
        let text = text[..end].to_owned();
        let mut crumbs = lock(&self.0.crumbs);
        while crumbs.len() >= most {
            crumbs.pop_front();
        }
        crumbs.push_back(Crumb { severity, text });
    }

    /// What was remembered, oldest first, as lines such as `info paid`; none when there is nothing.
    pub(crate) fn recent(&self) -> Option<String> {
        let crumbs = lock(&self.0.crumbs);
        let size = |crumb: &Crumb| crumb.severity.text().len() + crumb.text.len() + 2;
        let mut lines = String::with_capacity(crumbs.iter().map(size).sum());
        for crumb in crumbs.iter() {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(crumb.severity.text());
            lines.push(' ');
            lines.push_str(&crumb.text);
        }
        (!lines.is_empty()).then_some(lines)
    }
}

/// Runs `future` with user and tags of its own: for jobs and queues. A request under an adapter has a scope already.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use highlight::{User, set_tag, set_user, with_scope};
///
/// with_scope(async {
///     set_user(User::new("u-17").email("ann@example.com"));
///     set_tag("plan", "gold");
///     // Everything recorded from here on in this scope carries both.
/// })
/// .await;
/// # }
/// ```
pub fn with_scope<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let scope = Some(Scope::default());
    crate::context::carrying(|ambient| ambient.with_scope(scope), future)
}

/// Ties what is recorded in the current scope from now on to a user: logs, errors, new spans, and the request's server span.
///
/// Outside of a request or [`with_scope`] it does nothing: a user must not be mistaken for another's.
pub fn set_user(user: User) {
    if let Some(scope) = current() {
        for (key, value) in user.0 {
            scope.set(key, value);
        }
    }
}

/// Adds an attribute to what is recorded in the current scope from now on, as [`set_user`] does; a scope keeps 64.
pub fn set_tag(key: &str, value: impl Into<String>) {
    if let Some(scope) = current() {
        scope.set(key, value.into());
    }
}

fn current() -> Option<Scope> {
    crate::context::current(|context| Ambient::of(context).scope().cloned()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_replaced_and_their_number_is_bounded() {
        let scope = Scope::default();
        for at in 0..200 {
            scope.set(&format!("k{}", at % 100), at.to_string());
        }
        let attributes = scope.attributes();
        assert_eq!(attributes.len(), MAX_TAGS);
        assert_eq!(attributes[0], KeyValue::new("k0", "100"));
    }

    #[test]
    fn the_most_recent_logs_are_remembered() {
        let scope = Scope::default();
        assert_eq!(scope.recent(), None);
        for text in ["one", "two", &"ü".repeat(1_000)] {
            scope.remember(Severity::Info, text, 2);
        }
        let recent = scope.recent().unwrap();
        assert!(recent.starts_with("info two\ninfo üü"));
        assert!(recent.len() < 2 * MAX_CRUMB_BYTES);
    }
}
