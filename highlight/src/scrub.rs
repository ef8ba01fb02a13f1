//! Secrets stay at home: values are replaced by the name of their attribute, or by what they look like.

mod keys;
mod patterns;

use std::borrow::Cow;

pub(crate) use patterns::is_plain;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "[redacted]";

/// Decides what is not sent.
#[derive(Debug, Clone)]
pub(crate) struct Scrub {
    on: bool,
    /// Further names, in lower case.
    keys: Vec<String>,
}

impl Scrub {
    pub(crate) fn new(on: bool, keys: &[String]) -> Self {
        Scrub {
            on,
            keys: keys.iter().map(|key| key.to_ascii_lowercase()).collect(),
        }
    }

    /// True when the value of an attribute of this name must not be sent.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.is_listed(name) || self.on && keys::name_a_secret(name)
    }

    /// True when the application has named it.
    pub(crate) fn is_listed(&self, name: &str) -> bool {
        self.on && self.keys.iter().any(|key| key.eq_ignore_ascii_case(name))
    }

    /// The text without the secrets that can be told by their form: card numbers, credentials in URLs, and what stands behind a
    /// secret's name, as in a query.
    #[inline]
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.looks_into(text.as_bytes()) {
            patterns::without_secrets(text, |name| self.hides(name))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// True when all of the text is sent, as for most texts.
    #[inline]
    pub(crate) fn has_nothing_in(&self, text: &[u8]) -> bool {
        !self.looks_into(text)
    }

    #[inline]
    fn looks_into(&self, text: &[u8]) -> bool {
        self.on && !is_plain(text)
    }

    /// [`clean`](Self::clean) for text that was just written to a buffer, from `start` on.
    pub(crate) fn clean_tail(&self, buf: &mut Vec<u8>, start: usize) {
        if self.looks_into(&buf[start..])
            && let Ok(text) = str::from_utf8(&buf[start..])
            && let Cow::Owned(cleaned) = self.clean(text)
        {
            buf.truncate(start);
            buf.extend_from_slice(cleaned.as_bytes());
        }
    }
}

impl Default for Scrub {
    fn default() -> Self {
        Scrub::new(true, &[])
    }
}
