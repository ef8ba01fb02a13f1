//! How a `tracing` span lives and ends: the same in the subscriber that `init` installs as in a registry with other layers.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use highlight::otel::SpanExt as _;
use highlight::otel::opentelemetry::trace::TraceContextExt as _;
use highlight::otel::opentelemetry::{Context, KeyValue, SpanId};
use highlight_tests::support::Pipeline;
use server_mock::SpanRow;
use tracing::{Span, info_span};

/// The spans of `work` by their names, once for each way in which spans are kept.
fn each_way(work: impl Fn(), check: impl Fn(&HashMap<String, SpanRow>)) {
    for subscribe in [Pipeline::subscribe, Pipeline::subscribe_in_a_registry] {
        let pipeline = Pipeline::start();
        let subscribed = subscribe(&pipeline);
        work();
        drop(subscribed);
        let spans = pipeline.received().spans.into_iter();
        check(&spans.map(|span| (span.name.clone(), span)).collect());
    }
}

fn current_id() -> SpanId {
    Context::current().span().span_context().span_id()
}

#[test]
fn a_parent_ends_with_the_last_of_its_children() {
    let work = || {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        let named = info_span!(parent: &child, "named");
        drop(child);
        drop(parent);
        drop(named);
    };
    each_way(work, |spans| {
        let end = |name: &str| spans[name].timestamp_ns + spans[name].duration_ns;
        assert!(end("parent") >= end("child") && end("child") >= end("named"));
        assert_eq!(spans["named"].parent_span_id, spans["child"].span_id);
        assert_eq!(spans["child"].parent_span_id, spans["parent"].span_id);
    });
}

#[test]
fn spans_may_be_left_in_any_order() {
    let work = || {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let (in_one, in_two) = (one.clone().entered(), two.clone().entered());
        assert_eq!(current_id(), two.context().span().span_context().span_id());
        assert_eq!(Span::current().id(), two.id());
        drop(in_one);
        assert_eq!(current_id(), two.context().span().span_context().span_id());
        assert_eq!(Span::current().id(), two.id());
        drop(in_two);
        assert_eq!(current_id(), SpanId::INVALID);
        assert!(Span::current().is_none());
    };
    each_way(work, |spans| {
        assert_eq!(spans["two"].parent_span_id, "");
        assert_eq!(spans.len(), 2);
    });
}

#[test]
fn one_that_is_entered_twice_is_left_twice() {
    let work = || {
        let span = info_span!("again");
        span.in_scope(|| {
            span.in_scope(|| ());
            assert_eq!(current_id(), span.context().span().span_context().span_id());
            info_span!("inside").in_scope(|| ());
        });
    };
    each_way(work, |spans| {
        assert_eq!(spans["inside"].parent_span_id, spans["again"].span_id);
    });
}

#[test]
fn one_may_be_closed_on_another_thread() {
    let work = || {
        for _ in 0..200 {
            let span = info_span!("handed");
            span.in_scope(|| ());
            std::thread::spawn(move || drop(span)).join().unwrap();
        }
        info_span!("own").in_scope(|| ());
    };
    each_way(work, |spans| {
        assert_eq!(spans["own"].parent_span_id, "");
        assert_eq!(spans.len(), 2);
    });
}

#[test]
fn thousands_may_be_open_at_the_same_time() {
    let work = || {
        let open: Vec<_> = (0..5_000)
            .map(|at| info_span!("open", otel.name = format!("open {at}"), at))
            .collect();
        let last = open.last().unwrap().clone();
        drop(open);
        last.in_scope(|| info_span!("below").in_scope(|| ()));
    };
    each_way(work, |spans| {
        assert_eq!(spans.len(), 5_001);
        assert_eq!(spans["below"].parent_span_id, spans["open 4999"].span_id);
        for at in [0, 63, 64, 4_999] {
            assert_eq!(
                spans[&format!("open {at}")].attributes["at"],
                at.to_string()
            );
        }
    });
}

#[test]
fn what_outlives_a_span_does_not_reach_the_next_one() {
    let work = || {
        let before = info_span!("before", who = "me");
        let kept = before.in_scope(Context::current);
        let id = before.id();
        drop(before);
        let after = info_span!("after");
        after.in_scope(|| {
            kept.span().set_attribute(KeyValue::new("late", true));
            kept.span().update_name("late");
            kept.span().end();
            assert!(!kept.span().is_recording());
            assert!(Context::current().span().is_recording());
        });
        assert_ne!(after.id(), id);
    };
    each_way(work, |spans| {
        assert_eq!(spans["before"].attributes["who"], "me");
        assert!(!spans["after"].attributes.contains_key("late"));
        assert!(!spans["after"].attributes.contains_key("who"));
        assert_ne!(spans["after"].trace_id, spans["before"].trace_id);
    });
}

#[test]
fn fields_links_and_parents_may_come_later() {
    let work = || {
        let (one, two) = (
            info_span!("one", late = tracing::field::Empty),
            info_span!("two"),
        );
        one.record("late", "yes");
        two.follows_from(&one);
        assert!(two.set_parent(one.context()));
        two.in_scope(|| Span::current().set_attribute(KeyValue::new("by", "hand")));
        assert!(!two.set_parent(Context::new()));
        info_span!(parent: &two, "three").in_scope(|| info_span!(parent: None, "four"));
    };
    each_way(work, |spans| {
        assert_eq!(spans["one"].attributes["late"], "yes");
        assert_eq!(spans["two"].parent_span_id, spans["one"].span_id);
        assert_eq!(spans["two"].attributes["by"], "hand");
        assert_eq!(spans["two"].links[0].span_id, spans["one"].span_id);
        assert_eq!(spans["three"].parent_span_id, spans["two"].span_id);
        assert_eq!(spans["four"].parent_span_id, "");
    });
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in a user's Debug")
    }
}

struct Logs;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info_span!("inner").in_scope(|| tracing::info!("looked at"));
        f.write_str("seen")
    }
}

#[test]
fn fields_that_panic_or_make_spans_leave_the_others_alone() {
    let work = || {
        info_span!("outer").in_scope(|| {
            // A call site that `tracing` meets first inside of a scoped subscriber may be taken for one that nobody wants.
            drop(format!("{Logs:?}"));
            let made = || info_span!("broken", kept = 1, value = ?Panics);
            drop(catch_unwind(AssertUnwindSafe(made)));
            let span = info_span!("whole", value = ?Logs);
            let record = || span.record("value", tracing::field::debug(Panics));
            drop(catch_unwind(AssertUnwindSafe(record)));
            span.record("value", tracing::field::debug(Logs));
        });
    };
    each_way(work, |spans| {
        assert!(spans["whole"].attributes.contains_key("value"));
        assert!(!spans["whole"].attributes.contains_key("kept"));
        for name in ["whole", "inner"] {
            assert_eq!(spans[name].parent_span_id, spans["outer"].span_id);
        }
    });
}

#[test]
fn what_is_left_of_a_span_s_id_finds_no_other_span() {
    let pipeline = Pipeline::start();
    let _subscribed = pipeline.subscribe();
    let gone = info_span!("gone").id().unwrap();
    let next = info_span!("next");
    let subscriber = tracing::dispatcher::get_default(Clone::clone);
    next.in_scope(|| {
        subscriber.enter(&gone);
        assert_eq!(Span::current().id(), next.id());
        subscriber.exit(&gone);
        assert!(!subscriber.try_close(subscriber.clone_span(&gone)));
    });
    info_span!(parent: gone, "orphan").in_scope(|| ());
    drop(next);
    let received = pipeline.received();
    let names: Vec<_> = received.spans.iter().map(|span| &span.name[..]).collect();
    assert_eq!(names, ["gone", "orphan", "next"]);
    assert!(
        received
            .spans
            .iter()
            .all(|span| span.parent_span_id.is_empty())
    );
}

#[test]
fn two_subscribers_keep_to_their_own() {
    let (one, two) = (Pipeline::start(), Pipeline::start());
    let subscribed = one.subscribe();
    let outer = info_span!("outer").entered();
    {
        let _subscribed = two.subscribe();
        assert!(Span::current().is_none());
        info_span!("elsewhere").in_scope(|| tracing::info!("there"));
        assert!(Span::current().is_none());
    }
    info_span!("inner").in_scope(|| tracing::info!("here"));
    drop(outer);
    drop(subscribed);
    let (one, two) = (one.received(), two.received());
    let span = |name: &str| one.spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(span("inner").parent_span_id, span("outer").span_id);
    assert_eq!(one.logs[0].span_id, span("inner").span_id);
    assert_eq!(two.logs[0].span_id, two.spans[0].span_id);
    assert_eq!((one.spans.len(), two.spans.len()), (2, 1));
}
