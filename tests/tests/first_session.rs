//! The first session of a process: whether there was one is the process's.

use futures_util::future::FutureExt as _;
use highlight::{MetricSession, Session};
use highlight_tests::support::{Pipeline, SESSION};
use server_mock::MetricValue;

#[test]
fn a_handle_that_measured_before_the_first_session_measures_for_it() {
    let pipeline = Pipeline::with(|config| config.metric_session(MetricSession::Attribute));
    let orders = pipeline.highlight.counter("orders");
    let measure = || (0..5).for_each(|_| orders.incr(&[("shop", "berlin")]));
    measure();
    let session = Session::new(SESSION).unwrap();
    highlight::with_session(session, async { measure() }).now_or_never();
    measure();
    // The server takes the attribute out of a row that it makes one of.
    let received = pipeline.received();
    let values = received.metrics.iter().map(|row| match row.value {
        MetricValue::Sum { value, .. } => value,
        _ => panic!("a sum expected: {row:?}"),
    });
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [5.0, 10.0]);
}
