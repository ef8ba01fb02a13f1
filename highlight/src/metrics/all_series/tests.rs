//! How series are found, let go of, bounded, and how nothing is lost meanwhile.

use super::super::recent;
use super::*;

fn tags<'a>(
    tags: &'a [(&'a str, Scalar<'a>)],
) -> impl Iterator<Item = (&'a str, Scalar<'a>)> + Clone {
    tags.iter().copied()
}

fn counters() -> AllSeries {
    AllSeries::new(Kind::Counter, None)
}

/// What was counted since the last time, by the number of tags.
fn taken(all: &AllSeries) -> Vec<(usize, u64)> {
    let count = |point: Point| match point.taken {
        Taken::Number(Value::Count(count)) => (point.series.tags().len(), count),
        other => panic!("a count expected: {other:?}"),
    };
    all.take().into_iter().map(count).collect()
}

#[test]
fn a_series_is_found_by_its_tags_in_any_order() {
    let all = counters();
    let (a, b) = (("a", Scalar::Str("1")), ("b", Scalar::Int(1)));
    let first = all.get(tags(&[a, b])).unwrap();
    for same in [
        &[a, b][..],
        &[b, a],
        &[a, b, b],
        &[("a", Scalar::Int(7)), b, a],
    ] {
        let found = all.get(tags(same)).unwrap();
        assert!(Arc::ptr_eq(&first, &found), "{same:?}");
    }
    for other in [
        &[][..],
        &[a],
        &[a, ("b", Scalar::Int(2))],
        &[a, ("b", Scalar::Str("1"))],
        &[("a", Scalar::Str("1b")), ("", Scalar::Int(1))],
    ] {
        let found = all.get(tags(other)).unwrap();
        assert!(!Arc::ptr_eq(&first, &found), "{other:?}");
    }
}

#[test]
fn a_series_is_let_go_when_an_interval_passes_without_it() {
    let all = counters();
    let series = all.get(tags(&[])).unwrap();
    assert!(series.add(Value::Count(2)));
    assert_eq!(taken(&all), [(0, 2)]);
    assert!(series.is_kept());
    assert!(Arc::ptr_eq(&series, &all.get(tags(&[])).unwrap()));
    assert_eq!(taken(&all), []);
    assert!(!series.is_kept());
    assert!(!series.add(Value::Count(1)), "it would not be seen");
    assert!(!Arc::ptr_eq(&series, &all.get(tags(&[])).unwrap()));
}

#[test]
fn an_up_down_counter_keeps_its_series_and_sends_them_each_time() {
    let all = AllSeries::new(Kind::UpDownCounter, None);
    let series = all.get(tags(&[])).unwrap();
    assert!(series.add(Value::Change(-2)));
    for _ in 0..3 {
        let [point] = &all.take()[..] else {
            panic!("one point expected")
        };
        assert!(matches!(point.taken, Taken::Number(Value::Change(-2))));
    }
    assert!(series.is_kept());
}

#[test]
fn a_gauge_is_sent_when_it_is_set_be_it_to_the_same_value() {
    let all = AllSeries::new(Kind::Gauge, None);
    for value in [0.0, 0.0, 1.5] {
        // Found anew, since an interval without it has passed.
        let series = all.get(tags(&[])).unwrap();
        assert!(series.add(Value::Double(value)));
        let [point] = &all.take()[..] else {
            panic!("one point expected")
        };
        let Taken::Number(Value::Double(sent)) = point.taken else {
            panic!("a number expected: {point:?}")
        };
        assert_eq!(sent.to_bits(), value.to_bits());
        assert!(all.take().is_empty(), "it is not sent again");
    }
}

#[test]
fn what_a_thread_measures_of_a_series_that_is_let_go_is_not_lost() {
    let all = counters();
    let tags = || tags(&[("a", Scalar::Int(1))]);
    let series = all.get(tags()).unwrap();
    recent::remember(&series, series.id(), &[]);
    let measure = || {
        recent::with(series.id(), &[], |known| {
            assert_eq!(
                taken(&all),
                [],
                "it is let go of, while this thread is about to measure"
            );
            assert!(!series.is_kept());
            known.cell().add(Value::Count(3))
        })
    };
    assert_eq!(measure(), Some(true), "the collector is told");
    assert_eq!(measure(), None, "it is looked up anew");
    // Meanwhile there is one with the same tags.
    assert!(all.get(tags()).unwrap().add(Value::Count(4)));
    assert_eq!(taken(&all), [(1, 7)]);
    assert_eq!(lock(&all.leaving).len(), 1, "the thread still holds it");
}

#[test]
fn the_number_of_series_is_bounded_and_there_is_room_again() {
    let all = counters();
    let get = |number| all.get(tags(&[("order", Scalar::Int(number))]));
    let plain = all.get(tags(&[])).unwrap();
    for number in 0..2_000 {
        assert!(get(number).is_some());
    }
    assert!(get(2_000).is_none());
    assert!(get(0).is_some());
    assert!(Arc::ptr_eq(&plain, &all.get(tags(&[])).unwrap()));
    all.take();
    assert!(all.get(tags(&[])).is_some());
    assert!(get(2_000).is_some());
}
