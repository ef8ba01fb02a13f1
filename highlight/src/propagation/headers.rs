//! What headers can be written into.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::Injector;

/// Headers of an outgoing request or message: of `http` 1 and so of `reqwest` 0.12 and 0.13, or maps and lists of text. For others,
/// such as `http` 0.2, there is [`inject_with`](super::inject_with).
pub trait Headers {
    /// The value of a header that is there already, when it is text.
    fn get(&self, name: &str) -> Option<&str>;
    /// Sets a header, in the place of one of the same name. A value that is none for these headers is left out.
    fn set(&mut self, name: &str, value: &str);
}

impl Headers for HeaderMap {
    fn get(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().ok()
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            // Not `insert`, which panics when the map is full.
            let _ = self.try_insert(name, value);
        }
    }
}

impl<S: BuildHasher> Headers for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.insert(name.to_owned(), value.to_owned());
    }
}

impl Headers for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.insert(name.to_owned(), value.to_owned());
    }
}

impl Headers for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<&str> {
        let mut found = self
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.push((name.to_owned(), value.to_owned()));
    }
}

/// A closure that sets.
pub(super) struct Setter<F>(pub(super) F);

impl<F: FnMut(&str, &str)> Headers for Setter<F> {
    fn get(&self, _: &str) -> Option<&str> {
        None
    }

    fn set(&mut self, name: &str, value: &str) {
        (self.0)(name, value);
    }
}

/// Where OpenTelemetry's propagators write.
pub(super) struct Pairs<'a>(pub(super) &'a mut Vec<(String, String)>);

impl Injector for Pairs<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_replaced_whatever_holds_it() {
        fn replaced(mut headers: impl Headers) {
            headers.set("baggage", "a=1");
            headers.set("baggage", "b=2");
            assert_eq!(headers.get("baggage"), Some("b=2"));
            assert_eq!(headers.get("traceparent"), None);
        }
        replaced(HeaderMap::new());
        replaced(HashMap::<String, String>::new());
        replaced(BTreeMap::new());
        replaced(vec![("Baggage".to_owned(), "x=0".to_owned())]);
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        let mut headers = HeaderMap::new();
        Headers::set(&mut headers, "baggage", "a\nb");
        Headers::set(&mut headers, "no name", "a");
        assert!(headers.is_empty());
    }
}
