//! What is refused, what is shared, and how many there may be.

use super::super::testing::{buffer, registry};
use super::*;
use crate::export::proto::Scalar;

#[test]
fn only_names_units_and_buckets_of_the_conventions_are_taken() {
    let long = "a".repeat(255);
    let too_long = "a".repeat(256);
    for (name, expected) in [
        ("cart.size", true),
        ("A-b_c/d9", true),
        (&long, true),
        (&too_long, false),
        ("", false),
        ("9lives", false),
        (".dot", false),
        ("two words", false),
        ("größe", false),
        ("new\nline", false),
    ] {
        let made = registry().get(&Wanted::named(Kind::Gauge, name));
        assert_eq!(made.is_ok(), expected, "{name:?}");
    }
    for (unit, expected) in [("ms", true), ("{order}", true), ("µs", false)] {
        let wanted = Wanted {
            unit: Some(unit),
            ..Wanted::named(Kind::Gauge, "x")
        };
        assert_eq!(registry().get(&wanted).is_ok(), expected, "{unit:?}");
    }
    for (buckets, expected) in [
        (&[][..], true),
        (&[0.5, 1.0], true),
        (&[1.0, 1.0], false),
        (&[2.0, 1.0], false),
        (&[f64::NAN], false),
        (&[1.0, f64::INFINITY], false),
    ] {
        let wanted = Wanted {
            buckets: Some(buckets),
            ..Wanted::named(Kind::Histogram, "x")
        };
        assert_eq!(registry().get(&wanted).is_ok(), expected, "{buckets:?}");
    }
}

#[test]
fn a_name_alone_finds_the_instrument_that_has_a_unit() {
    let registry = registry();
    let described = Wanted {
        unit: Some("ms"),
        ..Wanted::named(Kind::Histogram, "checkout")
    };
    let first = registry.get(&described).unwrap();
    let again = registry.get(&described).unwrap();
    let by_name = registry
        .get(&Wanted::named(Kind::Histogram, "checkout"))
        .unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert!(Arc::ptr_eq(&first, &by_name));
    let other = Wanted {
        unit: Some("s"),
        ..described
    };
    assert!(!Arc::ptr_eq(&first, &registry.get(&other).unwrap()));
    let gauge = registry.get(&Wanted::named(Kind::Gauge, "checkout"));
    assert_eq!(gauge.unwrap().kind(), Kind::Gauge);
}

#[test]
fn names_made_of_ids_do_not_fill_the_memory() {
    let registry = registry();
    let get = |number: usize| {
        let name = format!("order.{number}");
        registry
            .get(&Wanted::named(Kind::Counter, &name))
            .map(|one| one.kind())
    };
    for number in 0..MAX_METRICS {
        assert_eq!(get(number), Ok(Kind::Counter));
    }
    let refusal = get(MAX_METRICS).unwrap_err();
    assert_eq!(refusal.reason, DropReason::TooManyMetrics);
    assert_eq!(get(0), Ok(Kind::Counter), "what is known goes on");
}

#[test]
fn after_the_shutdown_a_thread_asks_anew_where_its_measurements_go() {
    let buffer = buffer();
    let registry = Registry::new(Arc::clone(&buffer));
    let orders = registry.get(&Wanted::named(Kind::Counter, "orders"));
    let orders = orders.unwrap();
    let tags = [("shop", "berlin")];
    let look_up = || {
        let given = tags.map(|(key, value)| (key, Scalar::Str(value)));
        let series = orders.measure(Value::Count(1), given.into_iter(), None);
        let series = series.unwrap();
        orders.remember(&series, &tags);
        orders.add(&series, Value::Count(1), None);
        series
    };
    let known_by = |series: &Series| {
        let one = || Value::Count(1);
        [
            recent::add_at_once(orders.id(), &tags, one).is_some(),
            orders.measure_again(one(), &tags, None).is_some(),
            recent::with(series.id(), &[], |_| ()).is_some(),
        ]
    };
    let series = look_up();
    orders.measure_again(Value::Count(1), &tags, None);
    assert_eq!(known_by(&series), [true; 3]);
    buffer.close();
    registry.turn_away();
    assert_eq!(known_by(&series), [false; 3]);
    // As a thread does that had asked just before.
    assert_eq!(known_by(&look_up()), [false; 3]);
}
