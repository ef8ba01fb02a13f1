//! The metrics that a thread measured lately by their names: it finds them again without a lock.

use std::cell::RefCell;
use std::sync::Arc;

use super::instrument::{Instrument, Kind, Registry};
use super::tags::{glance, spread};

const PLACES: usize = 32;

type Places = [Option<Arc<Instrument>>; PLACES];

thread_local! {
    static NAMED: RefCell<Places> = const { RefCell::new([const { None }; PLACES]) };
}

/// Works on the instrument that the registry has for the name, if this thread knows it.
pub(super) fn with<T>(
    registry: &Registry,
    kind: Kind,
    name: &str,
    work: impl FnOnce(&Instrument) -> T,
) -> Option<T> {
    let find = |named: &RefCell<Places>| {
        let named = named.try_borrow().ok()?;
        let known = named[place(kind, name)].as_ref()?;
        let is_it = known.kind() == kind && known.name() == name && registry.has(known);
        is_it.then(|| work(known))
    };
    // As in `recent`.
    NAMED.try_with(find).ok().flatten()
}

/// Has this thread know what a registry has for the instrument's name.
#[cold]
pub(super) fn remember(instrument: Arc<Instrument>) {
    let remember = |named: &RefCell<Places>| {
        let Ok(mut named) = named.try_borrow_mut() else {
            return;
        };
        let place = place(instrument.kind(), instrument.name());
        let before = named[place].replace(instrument);
        // Nothing holds on to an SDK that was shut down, once the next one is measured with.
        if before.is_some_and(|before| !before.is_open()) {
            for known in named.iter_mut() {
                known.take_if(|known| !known.is_open());
            }
        }
    };
    let _ = NAMED.try_with(remember);
}

fn place(kind: Kind, name: &str) -> usize {
    let hash = spread(kind as u64, glance(name));
    usize::try_from(hash >> (u64::BITS - PLACES.ilog2())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::instrument::Wanted;
    use super::super::testing::registry;
    use super::*;

    fn knows(registry: &Registry, kind: Kind, name: &str) -> bool {
        with(registry, kind, name, |known| {
            assert_eq!((known.kind(), known.name()), (kind, name));
        })
        .is_some()
    }

    #[test]
    fn a_metric_is_known_by_registry_kind_and_name() {
        let (one, other) = (registry(), registry());
        let get = |kind, name| remember(one.get(&Wanted::named(kind, name)).unwrap());
        get(Kind::Counter, "orders");
        assert!(knows(&one, Kind::Counter, "orders"));
        assert!(!knows(&one, Kind::Counter, "order"));
        assert!(!knows(&one, Kind::Gauge, "orders"));
        assert!(!knows(&other, Kind::Counter, "orders"));
        get(Kind::Gauge, "orders");
        assert!(knows(&one, Kind::Gauge, "orders"));
    }

    #[test]
    fn names_that_share_a_place_take_turns() {
        let registry = registry();
        for number in 0..PLACES * 4 {
            let name = format!("order.{number}");
            let wanted = Wanted::named(Kind::Counter, &name);
            remember(registry.get(&wanted).unwrap());
            assert!(knows(&registry, Kind::Counter, &name));
        }
    }
}
