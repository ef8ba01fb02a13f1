//! What the requests of one route have in common: worked out when the first of them comes.

use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use opentelemetry::StringValue;

use super::Request;
use super::names::Names;
use crate::export::keyed::Keyed;
use crate::export::proto::Scalar;
use crate::metrics::series::Series;
use crate::recording::EncodedAttributes;
use crate::scrub::Scrub;

/// Routes that are remembered. They are the application's, so there are not many; any more are worked out each time.
const MAX_ROUTES: usize = 1_000;
/// Status codes of a route whose series are remembered.
const MAX_STATUSES: usize = 32;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Route {
    key: Key,
    /// The span's: `GET /pay/{id}`, or the method alone.
    pub(super) name: StringValue,
    /// Method, route, version and scheme.
    attributes: EncodedAttributes,
    /// All but the scheme.
    schemeless: EncodedAttributes,
    counted: RwLock<Counted>,
}

/// What tells routes apart.
#[derive(Debug)]
pub(super) struct Key {
    /// One of the conventions' methods, or none.
    pub(super) method: Option<&'static str>,
    /// For metrics: a client may write any scheme into its request line, and each would be a series.
    pub(super) scheme: &'static str,
    pub(super) version: &'static str,
    pub(super) template: Option<Box<str>>,
}

/// The series that a route's requests are counted in, as they were found last.
#[derive(Debug, Default)]
struct Counted {
    active: Option<Arc<Series>>,
    durations: Vec<(u16, Arc<Series>)>,
}

impl Route {
    fn new(key: Key, names: &Names, scrub: &Scrub) -> Self {
        let method = key.method.unwrap_or("HTTP");
        let name = match &key.template {
            Some(template) => Arc::<str>::from([method, " ", template].concat()).into(),
            None => method.into(),
        };
        let mut attributes = EncodedAttributes::default();
        let mut text = |name: &Keyed, value: &str| {
            attributes.add(|buf| name.scalar(buf, Scalar::Str(value), scrub));
        };
        text(&names.method, key.method.unwrap_or("_OTHER"));
        if let Some(template) = &key.template {
            text(&names.route, template);
        }
        text(&names.version, key.version);
        let schemeless = attributes.clone();
        attributes.add(|buf| names.scheme.scalar(buf, Scalar::Str(key.scheme), scrub));
        Route {
            key,
            name,
            attributes,
            schemeless,
            counted: RwLock::default(),
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// What a request's span has that came under `scheme`. Where that is an unusual one, it is left to be added.
    pub(super) fn attributes<'a>(&self, scheme: &'a str) -> (&EncodedAttributes, Option<&'a str>) {
        if scheme == self.key.scheme {
            (&self.attributes, None)
        } else {
            (&self.schemeless, Some(scheme))
        }
    }

    /// The series of the requests that are being handled.
    pub(super) fn active(&self, find: impl FnOnce() -> Option<Arc<Series>>) -> Option<Arc<Series>> {
        let counted = self.counted.read().unwrap_or_else(PoisonError::into_inner);
        let known = counted.active.as_ref().filter(|series| series.is_kept());
        if let Some(series) = known {
            return Some(Arc::clone(series));
        }
        drop(counted);
        let found = find()?;
        self.remember(|counted| counted.active = Some(Arc::clone(&found)));
        Some(found)
    }

    /// The series of the durations of requests that were answered with `status`.
    pub(super) fn duration(
        &self,
        status: u16,
        find: impl FnOnce() -> Option<Arc<Series>>,
    ) -> Option<Arc<Series>> {
        let counted = self.counted.read().unwrap_or_else(PoisonError::into_inner);
        let mut known = counted.durations.iter();
        if let Some((_, series)) = known.find(|(of, series)| *of == status && series.is_kept()) {
            return Some(Arc::clone(series));
        }
        drop(counted);
        let found = find()?;
        self.remember(|counted| {
            let durations = &mut counted.durations;
            durations.retain(|(of, series)| *of != status && series.is_kept());
            if durations.len() < MAX_STATUSES {
                durations.push((status, Arc::clone(&found)));
            }
        });
        Some(found)
    }

    #[cold]
    fn remember(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.counted.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A request's part of it, of which each is looked up in the framework once.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    method: Option<&'static str>,
    scheme: &'static str,
    version: &'static str,
    template: Option<&'a str>,
}

impl Key {
    fn is(&self, asked: &Asked<'_>) -> bool {
        self.template.as_deref() == asked.template
            && self.method == asked.method
            && self.version == asked.version
            && self.scheme == asked.scheme
    }
}

/// All routes that requests came for.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: RwLock<HashTable<Arc<Route>>>,
    hashes: RandomState,
}

impl Routes {
    /// The route of `request`.
    pub(super) fn of(
        &self,
        request: &impl Request,
        method: Option<&'static str>,
        names: &Names,
        scrub: &Scrub,
    ) -> Arc<Route> {
        let asked = Asked {
            method,
            scheme: scheme(request.scheme()),
            version: request.version(),
            template: request.route(),
        };
        let hash = self.hash(asked.template);
        let is_it = |route: &Arc<Route>| route.key.is(&asked);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = known.find(hash, is_it) {
            return Arc::clone(route);
        }
        drop(known);
        self.add(&asked, hash, names, scrub)
    }

    #[cold]
    fn add(&self, asked: &Asked<'_>, hash: u64, names: &Names, scrub: &Scrub) -> Arc<Route> {
        let key = Key {
            method: asked.method,
            scheme: asked.scheme,
            version: asked.version,
            template: asked.template.map(Box::from),
        };
        let route = Arc::new(Route::new(key, names, scrub));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let is_it = |route: &Arc<Route>| route.key.is(asked);
        if known.len() < MAX_ROUTES && known.find(hash, is_it).is_none() {
            let hash_of = |route: &Arc<Route>| self.hash(route.key.template.as_deref());
            known.insert_unique(hash, Arc::clone(&route), hash_of);
        }
        route
    }

    /// Of the template alone, which has few methods.
    fn hash(&self, template: Option<&str>) -> u64 {
        template.map_or(0, |template| self.hashes.hash_one(template))
    }
}

fn scheme(scheme: &str) -> &'static str {
    if scheme.eq_ignore_ascii_case("https") {
        "https"
    } else {
        "http"
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn requests_of_one_route_share_what_is_known_of_it() {
        let scrub = Scrub::default();
        let names = Names::new(&scrub);
        let routes = Routes::default();
        let of = |method| routes.of(&Fake(&[]), method, &names, &scrub);
        let get = of(Some("GET"));
        assert_eq!(get.name.as_str(), "GET");
        assert!(Arc::ptr_eq(&get, &of(Some("GET"))));
        assert!(!Arc::ptr_eq(&get, &of(Some("PUT"))));
        assert_eq!(of(None).name.as_str(), "HTTP");
    }

    #[test]
    fn a_route_knows_its_own_scheme_and_no_other() {
        let scrub = Scrub::default();
        let names = Names::new(&scrub);
        let route = Routes::default().of(&Fake(&[]), Some("GET"), &names, &scrub);
        let (known, other) = route.attributes("http");
        assert_eq!(other, None);
        for unusual in ["https", "HTTP", "gopher"] {
            let (schemeless, other) = route.attributes(unusual);
            assert_eq!(other, Some(unusual));
            assert!(!std::ptr::eq(known, schemeless), "{unusual}");
        }
    }
}
