//! What two cups come to. Global to this binary: the SDK.

use server_mock::{MetricValue, MockServer};

#[test]
fn two_cups_arrive_as_sums_a_histogram_and_a_gauge() {
    let server = MockServer::start();
    let highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .init()
        .unwrap();
    crate::brew("espresso", 24.0);
    crate::brew("espresso", 26.0);
    highlight.flush().unwrap();
    let received = server.received();
    let value = |name: &str| {
        let metric = received.metrics.iter().find(|metric| metric.name == name);
        &metric
            .unwrap_or_else(|| panic!("{name} is missing\n{received}"))
            .value
    };
    for (name, sum) in [
        ("coffee.cups", 2.0),
        ("coffee.beans", 114.0),
        ("coffee.boiler.temperature", 93.5),
        ("coffee.brewing.active", 0.0),
    ] {
        let (MetricValue::Gauge(value) | MetricValue::Sum { value, .. }) = value(name) else {
            panic!("{name} is no number\n{received}")
        };
        assert!((value - sum).abs() < f64::EPSILON, "{name}: {value}");
    }
    let MetricValue::Histogram { count, sum, .. } = value("coffee.brewing.duration") else {
        panic!("no histogram\n{received}")
    };
    assert_eq!(*count, 2);
    assert!((sum - 50.0).abs() < f64::EPSILON, "{sum}");
}
