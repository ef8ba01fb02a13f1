//! What the requests of one route have in common: worked out when the first of them comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use opentelemetry::StringValue;

use super::Request;
use super::names::Names;
use crate::export::keyed::Keyed;
use crate::export::proto::Scalar;
use crate::metrics::series::Series;
use crate::metrics::tags::{glance, spread};
use crate::recording::SpanAttributes;
use crate::scrub::Scrub;

/// Routes that are remembered. They are the application's, so there are not many; any more are worked out each time.
const MAX_ROUTES: usize = 1_000;
/// More than most applications have routes.
const SLOTS: usize = 128;
/// Status codes of a route whose series are remembered.
const MAX_STATUSES: usize = 32;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Route {
    key: Key,
    /// The span's: `GET /pay/{id}`, or the method alone.
    pub(super) name: StringValue,
    /// Method, route, version and scheme.
    attributes: SpanAttributes,
    /// All but the scheme.
    schemeless: SpanAttributes,
    active: OnceLock<Arc<Series>>,
    /// By status, as they were found last.
    durations: RwLock<Vec<(u16, Arc<Series>)>>,
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

impl Route {
    pub(super) fn new(key: Key, names: &Names, scrub: &Scrub) -> Self {
        let method = key.method.unwrap_or("HTTP");
        let name = match &key.template {
            Some(template) => Arc::<str>::from([method, " ", template].concat()).into(),
            None => method.into(),
        };
        let mut attributes = SpanAttributes::default();
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
            active: OnceLock::new(),
            durations: RwLock::default(),
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// What a request's span has that came under `scheme`. Where that is an unusual one, it is left to be added.
    pub(super) fn attributes<'a>(&self, scheme: &'a str) -> (&SpanAttributes, Option<&'a str>) {
        if scheme == self.key.scheme {
            (&self.attributes, None)
        } else {
            (&self.schemeless, Some(scheme))
        }
    }

    /// The series of the requests that are being handled, which `find` finds once.
    #[inline]
    pub(super) fn active(
        &self,
        find: impl FnOnce() -> Option<Arc<Series>>,
    ) -> Option<&Arc<Series>> {
        if self.active.get().is_none()
            && let Some(found) = find()
        {
            let _ = self.active.set(found);
        }
        self.active.get()
    }

    /// Shows the series of the durations of requests that were answered with `status`. False where `find` has to find it, and finds
    /// none.
    #[inline]
    pub(super) fn duration(
        &self,
        status: u16,
        find: impl FnOnce() -> Option<Arc<Series>>,
        work: impl FnOnce(&Arc<Series>),
    ) -> bool {
        let durations = self
            .durations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut known = durations.iter();
        if let Some((_, series)) = known.find(|(of, series)| *of == status && series.is_kept()) {
            work(series);
            return true;
        }
        drop(durations);
        let Some(found) = find() else {
            return false;
        };
        work(&found);
        self.remember(status, found);
        true
    }

    #[cold]
    fn remember(&self, status: u16, found: Arc<Series>) {
        let mut durations = self
            .durations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        durations.retain(|(of, series)| *of != status && series.is_kept());
        if durations.len() < MAX_STATUSES {
            durations.push((status, found));
        }
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

impl<'a> Asked<'a> {
    #[inline]
    fn by(request: &'a impl Request, method: Option<&'static str>) -> Self {
        Asked {
            method,
            scheme: scheme(request.scheme()),
            version: request.version(),
            template: request.route(),
        }
    }

    fn key(&self) -> Key {
        Key {
            method: self.method,
            scheme: self.scheme,
            version: self.version,
            template: self.template.map(Box::from),
        }
    }
}

impl Key {
    #[inline]
    fn is(&self, asked: &Asked<'_>) -> bool {
        self.template.as_deref() == asked.template
            && self.method == asked.method
            && self.version == asked.version
            && self.scheme == asked.scheme
    }
}

/// All routes that requests came for. None is ever taken out, so that looking one up takes no lock.
#[derive(Debug)]
pub(crate) struct Routes {
    /// By their template.
    known: [Slot; SLOTS],
    count: AtomicUsize,
}

type Slot = OnceLock<Box<Known>>;

/// A route, and the next one of its slot.
#[derive(Debug)]
struct Known {
    route: Arc<Route>,
    next: Slot,
}

impl Default for Routes {
    fn default() -> Self {
        Routes {
            known: [const { Slot::new() }; SLOTS],
            count: AtomicUsize::new(0),
        }
    }
}

impl Routes {
    /// The route of `request`, which `make` makes of what tells it apart when it comes first.
    #[inline]
    pub(super) fn of(
        &self,
        request: &impl Request,
        method: Option<&'static str>,
        make: impl FnOnce(Key) -> Route,
    ) -> Arc<Route> {
        let asked = Asked::by(request, method);
        let mut slot = self.slot(asked.template);
        while let Some(known) = slot.get() {
            if known.route.key.is(&asked) {
                return Arc::clone(&known.route);
            }
            slot = &known.next;
        }
        self.add(&asked, slot, make)
    }

    /// The same where it is not to be remembered.
    #[cold]
    pub(super) fn anew(
        request: &impl Request,
        method: Option<&'static str>,
        make: impl FnOnce(Key) -> Route,
    ) -> Arc<Route> {
        Arc::new(make(Asked::by(request, method).key()))
    }

    /// Adds a route at the end, behind those that others add at this moment; where there are too many, it is not remembered.
    #[cold]
    fn add(&self, asked: &Asked<'_>, end: &Slot, make: impl FnOnce(Key) -> Route) -> Arc<Route> {
        let route = Arc::new(make(asked.key()));
        if self.count.load(Ordering::Relaxed) >= MAX_ROUTES {
            return route;
        }
        let mut slot = end;
        loop {
            let known = slot.get_or_init(|| {
                self.count.fetch_add(1, Ordering::Relaxed);
                Box::new(Known {
                    route: Arc::clone(&route),
                    next: Slot::new(),
                })
            });
            if known.route.key.is(asked) {
                return Arc::clone(&known.route);
            }
            slot = &known.next;
        }
    }

    /// Of the template alone, which has few methods.
    #[inline]
    fn slot(&self, template: Option<&str>) -> &Slot {
        // The application writes them, so nobody means to have them all in one slot.
        let hash = spread(0, template.map_or(0, glance));
        &self.known[usize::from(hash.to_be_bytes()[0]) % SLOTS]
    }
}

#[inline]
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
        let make = |key| Route::new(key, &names, &scrub);
        let of = |method| routes.of(&Fake(&[]), method, make);
        let get = of(Some("GET"));
        assert_eq!(get.name.as_str(), "GET");
        assert!(Arc::ptr_eq(&get, &of(Some("GET"))));
        assert!(!Arc::ptr_eq(&get, &of(Some("PUT"))));
        assert_eq!(of(None).name.as_str(), "HTTP");
    }

    #[test]
    fn threads_that_come_at_once_share_a_route_and_the_number_of_routes_is_bounded() {
        let scrub = Scrub::default();
        let names = Names::new(&scrub);
        let routes = Routes::default();
        let add = |number: usize| {
            let template = number.to_string();
            let asked = Asked {
                method: Some("GET"),
                scheme: "http",
                version: "1.1",
                template: Some(&template),
            };
            let make = |key| Route::new(key, &names, &scrub);
            routes.add(&asked, routes.slot(asked.template), make)
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..MAX_ROUTES / 2).map(add).count());
            }
        });
        (0..MAX_ROUTES * 2).map(add).for_each(drop);
        let mut templates = std::collections::HashSet::new();
        for mut slot in &routes.known {
            while let Some(known) = slot.get() {
                assert!(templates.insert(known.route.key.template.clone()));
                slot = &known.next;
            }
        }
        assert_eq!(templates.len(), MAX_ROUTES);
    }

    #[test]
    fn a_route_knows_its_own_scheme_and_no_other() {
        let scrub = Scrub::default();
        let names = Names::new(&scrub);
        let make = |key| Route::new(key, &names, &scrub);
        let route = Routes::default().of(&Fake(&[]), Some("GET"), make);
        let (known, other) = route.attributes("http");
        assert_eq!(other, None);
        for unusual in ["https", "HTTP", "gopher"] {
            let (schemeless, other) = route.attributes(unusual);
            assert_eq!(other, Some(unusual));
            assert!(!std::ptr::eq(known, schemeless), "{unusual}");
        }
    }
}
