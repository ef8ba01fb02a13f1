//! Metrics, from a call to the rows of the server: intervals, what is refused, and how they lead to a session.

use std::sync::mpsc;
use std::time::Duration;

use highlight::otel::opentelemetry::KeyValue;
use highlight::otel::opentelemetry::metrics::MeterProvider as _;
use highlight::{DropReason, FlushError, MetricSession, Session, Severity, Signal};
use highlight_tests::support::{Pipeline, SESSION};
use opentelemetry_proto::tonic::common::v1::KeyValue as Pair;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use server_mock::{Answer, MetricRow, MetricValue, Received, Temporality};

/// In the order of their intervals: requests that are under way together may arrive in any order.
fn rows<'a>(received: &'a Received, name: &str) -> Vec<&'a MetricRow> {
    let rows = received.metrics.iter();
    let mut rows: Vec<_> = rows.filter(|row| row.name == name).collect();
    rows.sort_by_key(|row| row.timestamp_ns);
    rows
}

fn sums(received: &Received, name: &str) -> Vec<f64> {
    let value = |row: &&MetricRow| match row.value {
        MetricValue::Gauge(value) | MetricValue::Sum { value, .. } => value,
        _ => panic!("a number expected: {row:?}"),
    };
    rows(received, name).iter().map(value).collect()
}

#[test]
fn a_counter_sends_what_each_interval_added() {
    let pipeline = Pipeline::start();
    let highlight = &pipeline.highlight;
    highlight.record_count("orders", 3, &[("shop", "berlin")]);
    highlight.record_incr("orders", &[("shop", "berlin")]);
    assert_eq!(sums(&pipeline.received(), "orders"), [4.0]);
    highlight.record_incr("orders", &[("shop", "berlin")]);
    let received = pipeline.received();
    assert_eq!(sums(&received, "orders"), [4.0, 1.0]);
    let [first, second] = rows(&received, "orders")[..] else {
        panic!("two rows expected\n{received}")
    };
    assert_eq!(
        second.value,
        MetricValue::Sum {
            value: 1.0,
            temporality: Temporality::Delta,
            is_monotonic: true
        }
    );
    assert!(first.start_timestamp_ns < first.timestamp_ns);
    assert_eq!(first.timestamp_ns, second.start_timestamp_ns);
    assert_eq!(second.attributes["shop"], "berlin");
    assert_eq!((first.project_id, first.service_name.as_str()), (1, "shop"));
}

#[test]
fn an_up_down_counter_sends_its_sum_since_the_start() {
    let pipeline = Pipeline::start();
    let connections = pipeline.highlight.up_down_counter("connections");
    connections.add(5, &[]);
    drop(pipeline.received());
    connections.add(-2, &[]);
    let received = pipeline.received();
    assert_eq!(sums(&received, "connections"), [5.0, 3.0]);
    let MetricValue::Sum {
        temporality,
        is_monotonic,
        ..
    } = received.metrics[1].value
    else {
        panic!("a sum expected\n{received}")
    };
    assert_eq!(temporality, Temporality::Cumulative);
    assert!(!is_monotonic);
}

#[test]
fn a_gauge_sends_its_latest_value_and_a_histogram_a_distribution_of_the_interval() {
    let pipeline = Pipeline::start();
    let highlight = &pipeline.highlight;
    let duration = highlight
        .histogram("duration")
        .unit("s")
        .description("How long it took")
        .buckets([1.0, 2.0]);
    for value in [0.5, 1.5, 8.0] {
        highlight.record_metric("level", value, &[]);
        duration.record(value, &[]);
    }
    drop(pipeline.received());
    // The name alone finds the described instrument.
    highlight.record_histogram("duration", 1.75, &[]);
    let received = pipeline.received();
    assert_eq!(sums(&received, "level"), [8.0]);
    let histogram = |count, sum, buckets: &[u64], min, max| MetricValue::Histogram {
        count,
        sum,
        bucket_counts: buckets.to_vec(),
        explicit_bounds: vec![1.0, 2.0],
        min,
        max,
        temporality: Temporality::Delta,
        was_exponential: false,
    };
    let durations = rows(&received, "duration");
    assert_eq!(durations.len(), 2, "{received}");
    assert_eq!(durations[0].value, histogram(3, 10.0, &[1, 1, 1], 0.5, 8.0));
    assert_eq!(
        durations[1].value,
        histogram(1, 1.75, &[0, 1, 0], 1.75, 1.75)
    );
    let row = durations[1];
    assert_eq!(
        (row.unit.as_str(), row.description.as_str()),
        ("s", "How long it took")
    );
}

#[test]
fn the_interval_ends_by_itself_and_where_nothing_is_measured_nothing_is_sent() {
    let pipeline = Pipeline::with(|config| config.metric_interval(Duration::from_millis(20)));
    pipeline.highlight.record_incr("ticks", &[]);
    let received = pipeline
        .server
        .wait_for_blocking(|received| !received.metrics.is_empty());
    assert_eq!(sums(&received, "ticks"), [1.0]);
    assert_eq!(
        pipeline.received().requests.len(),
        1,
        "a flush finds nothing"
    );
    pipeline.highlight.record_incr("ticks", &[]);
    let received = pipeline
        .server
        .wait_for_blocking(|received| received.metrics.len() == 2);
    assert_eq!(received.requests.len(), 2);
    assert_eq!(received.requests[1].path, "/v1/metrics");
}

#[test]
fn nothing_is_lost_or_doubled_between_intervals() {
    const EACH: u64 = 20_000;
    let pipeline = Pipeline::with(|config| config.metric_interval(Duration::from_millis(5)));
    let highlight = &pipeline.highlight;
    std::thread::scope(|scope| {
        for thread in ["a", "b", "c"] {
            scope.spawn(move || {
                let orders = highlight.counter("orders");
                for _ in 0..EACH {
                    orders.incr(&[("thread", thread)]);
                    highlight.record_histogram("duration", 1.0, &[]);
                }
            });
        }
    });
    let received = pipeline.received();
    let orders: f64 = sums(&received, "orders").iter().sum();
    assert!((orders - 60_000.0).abs() < f64::EPSILON, "{orders}");
    let durations = rows(&received, "duration");
    let counted = durations.iter().map(|row| match row.value {
        MetricValue::Histogram { count, .. } => count,
        _ => panic!("a histogram expected: {row:?}"),
    });
    assert_eq!(counted.sum::<u64>(), 3 * EACH);
    assert!(durations.len() > 2, "several intervals have passed");
    let stats = highlight.stats();
    assert_eq!(stats.sent(Signal::Metrics), received.metrics.len() as u64);
    assert_eq!(stats.dropped_total(), 0);
}

/// Threads come and go, and measure while collections run: each value is in one interval, with all that is said of it.
#[test]
fn each_value_is_counted_in_one_interval_whatever_threads_do_meanwhile() {
    const EACH: u32 = 3_000;
    const THREADS: u32 = 24;
    let pipeline = Pipeline::with(|config| config.metric_interval(Duration::from_millis(1)));
    let highlight = &pipeline.highlight;
    let (own, all) = (highlight.histogram("own"), highlight.histogram("all"));
    let (added, open) = (
        highlight.counter("added"),
        highlight.up_down_counter("open"),
    );
    let measure = |thread: u32| {
        let name = thread.to_string();
        for value in 1..=EACH {
            own.record(f64::from(value), &[("thread", &name)]);
            all.record(f64::from(value), &[]);
            added.add(2, &[("of", "all threads together"), ("lane", "any")]);
            open.add(if value % 3 == 0 { -1 } else { 1 }, &[]);
        }
    };
    let next = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // Four at a time, so that some end while others measure.
            scope.spawn(|| {
                loop {
                    let thread = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if thread >= THREADS {
                        break;
                    }
                    std::thread::scope(|one| one.spawn(|| measure(thread)).join().unwrap());
                }
            });
        }
    });
    let received = pipeline.received();
    let total = f64::from(THREADS) * f64::from(EACH);
    assert!((sums(&received, "added").iter().sum::<f64>() - 2.0 * total).abs() < f64::EPSILON);
    let last = sums(&received, "open").pop().unwrap();
    assert!((last - total / 3.0).abs() < f64::EPSILON, "{last}");
    let mut sum_of_all = 0.0;
    for row in rows(&received, "all") {
        sum_of_all += distribution(row).sum;
    }
    let sum_of_each = f64::from(EACH) * f64::from(EACH + 1) / 2.0;
    let expected = f64::from(THREADS) * sum_of_each;
    assert!((sum_of_all - expected).abs() < f64::EPSILON, "{sum_of_all}");
    let mut intervals = 0;
    for thread in 0..THREADS {
        let name = thread.to_string();
        let rows = rows(&received, "own").into_iter();
        let rows: Vec<_> = rows
            .filter(|row| row.attributes["thread"] == name)
            .collect();
        intervals += rows.len();
        // Its values grow by one, so each interval says where the next goes on.
        let mut last = 0.0;
        for row in rows {
            let Distribution {
                count,
                sum,
                min,
                max,
            } = distribution(row);
            assert!((min - last - 1.0).abs() < f64::EPSILON, "{row:?}");
            assert!((max - min + 1.0 - count).abs() < f64::EPSILON, "{row:?}");
            assert!(
                (sum - (min + max) * count / 2.0).abs() < f64::EPSILON,
                "{row:?}"
            );
            last = max;
        }
        assert!((last - f64::from(EACH)).abs() < f64::EPSILON, "{last}");
    }
    assert!(intervals > THREADS as usize, "collections ran meanwhile");
}

struct Distribution {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

/// A histogram's row, whose count is that of its buckets.
fn distribution(row: &MetricRow) -> Distribution {
    let MetricValue::Histogram {
        count,
        sum,
        bucket_counts,
        min,
        max,
        ..
    } = &row.value
    else {
        panic!("a histogram expected: {row:?}")
    };
    assert_eq!(bucket_counts.iter().sum::<u64>(), *count, "{row:?}");
    Distribution {
        count: f64::from(u32::try_from(*count).unwrap()),
        sum: *sum,
        min: *min,
        max: *max,
    }
}

#[test]
fn shutdown_sends_what_was_measured_and_counts_what_comes_after() {
    let pipeline = Pipeline::start();
    let orders = pipeline.highlight.counter("orders");
    orders.incr(&[]);
    pipeline.highlight.shutdown().unwrap();
    orders.incr(&[]);
    let received = pipeline.server.received();
    assert_eq!(sums(&received, "orders"), [1.0]);
    let stats = pipeline.highlight.stats();
    assert_eq!(stats.sent(Signal::Metrics), 1);
    assert_eq!(stats.dropped(Signal::Metrics, DropReason::Shutdown), 1);
}

#[test]
fn what_no_metric_can_hold_is_counted_and_the_rest_arrives() {
    let pipeline = Pipeline::start();
    let highlight = &pipeline.highlight;
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        highlight.record_metric("level", value, &[]);
        highlight.record_histogram("duration", value, &[]);
    }
    for name in ["", "9lives", "two words", "größe", &"a".repeat(256)] {
        highlight.record_incr(name, &[]);
    }
    let buckets = highlight.histogram("falling").buckets([2.0, 1.0]);
    buckets.record(1.0, &[]);
    highlight.gauge("units").unit("µs").record(1.0, &[]);
    highlight.record_incr("tags", &[("key", "value"); 129]);
    highlight.record_metric("level", 1.0, &[("", "no name"), ("level", "taken")]);
    let received = pipeline.received();
    assert_eq!(received.metrics.len(), 1, "{received}");
    assert_eq!(received.metrics[0].attributes["attr.level"], "taken");
    let stats = highlight.stats();
    assert_eq!(stats.dropped(Signal::Metrics, DropReason::Invalid), 14);
    assert_eq!(stats.sent(Signal::Metrics), 1);
    assert_eq!(stats.queued(Signal::Metrics), 0);
}

#[test]
fn series_beyond_the_limit_count_together() {
    let pipeline = Pipeline::start();
    for number in 0..2_500 {
        let user = number.to_string();
        pipeline.highlight.record_incr("logins", &[("user", &user)]);
    }
    let received = pipeline.received();
    let logins = sums(&received, "logins");
    assert_eq!(logins.len(), 2_001);
    assert!((logins.iter().sum::<f64>() - 2_500.0).abs() < f64::EPSILON);
    let is_overflow = |row: &&&MetricRow| row.attributes.contains_key("otel.metric.overflow");
    let rows = rows(&received, "logins");
    let [overflow] = rows.iter().filter(is_overflow).collect::<Vec<_>>()[..] else {
        panic!("one overflow expected")
    };
    assert!(matches!(overflow.value, MetricValue::Sum { value, .. } if value > 499.0));
    assert_eq!(pipeline.highlight.stats().sent(Signal::Metrics), 2_001);
}

#[test]
fn a_series_beyond_the_limit_has_a_row_of_its_own_again_when_there_is_room() {
    let pipeline = Pipeline::start();
    let login = |user: usize| {
        let user = user.to_string();
        pipeline.highlight.record_incr("logins", &[("user", &user)]);
    };
    (0..2_500).for_each(login);
    drop(pipeline.received());
    // The series of the first interval make room when nothing was added to them for another one.
    login(2_400);
    drop(pipeline.received());
    login(2_400);
    let received = pipeline.received();
    let last = rows(&received, "logins").pop().unwrap();
    assert_eq!(
        last.attributes.get("user").map(String::as_str),
        Some("2400")
    );
    let logins = sums(&received, "logins");
    assert!((logins.iter().sum::<f64>() - 2_502.0).abs() < f64::EPSILON);
}

#[test]
fn names_made_of_ids_are_counted_and_dropped_beyond_the_limit() {
    let pipeline = Pipeline::start();
    for number in 0..1_003 {
        pipeline
            .highlight
            .record_incr(&format!("order.{number}"), &[]);
    }
    pipeline.highlight.record_incr("order.0", &[]);
    let received = pipeline.received();
    assert_eq!(received.metrics.len(), 1_000);
    assert_eq!(sums(&received, "order.0"), [2.0]);
    let stats = pipeline.highlight.stats();
    assert_eq!(
        stats.dropped(Signal::Metrics, DropReason::TooManyMetrics),
        3
    );
}

#[test]
fn more_series_than_a_request_holds_go_in_several() {
    let pipeline = Pipeline::with(|config| config.request_bytes(8 * 1024));
    for number in 0..500 {
        let user = format!("{number:0100}");
        pipeline.highlight.record_incr("logins", &[("user", &user)]);
    }
    let received = pipeline.received();
    assert_eq!(received.metrics.len(), 500);
    assert!(received.requests.len() > 5);
    for request in &received.requests {
        assert!(request.decoded_bytes < 16 * 1024, "{request:?}");
    }
}

#[test]
fn metrics_are_sent_again_until_they_arrive_and_then_no_more() {
    let pipeline = Pipeline::answering([Answer::status(503).retry_after_secs(0)]);
    pipeline.highlight.record_count("orders", 2, &[]);
    let received = pipeline.received();
    let statuses: Vec<_> = received
        .requests
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [503, 200]);
    assert_eq!(sums(&received, "orders"), [2.0]);
    assert_eq!(pipeline.highlight.stats().sent(Signal::Metrics), 1);
}

/// One measurement of each kind for a session, in a span.
fn measured_in_session(link: MetricSession) -> Received {
    let pipeline = Pipeline::with(|config| config.metric_session(link));
    let _subscribed = pipeline.subscribe();
    let measure = async {
        let _inside = tracing::info_span!("job").entered();
        let highlight = &pipeline.highlight;
        highlight.record_incr("orders", &[("shop", "berlin")]);
        for value in [5.0, 9.0, 7.0] {
            highlight.record_histogram("duration", value, &[]);
        }
        highlight.record_up_down_counter("open", 1, &[]);
    };
    let session = Session::new(SESSION).unwrap();
    futures_util::future::FutureExt::now_or_never(highlight::with_session(session, measure));
    pipeline
        .highlight
        .record_incr("orders", &[("shop", "paris")]);
    pipeline.received()
}

#[test]
fn an_exemplar_leads_to_trace_and_session() {
    let received = measured_in_session(MetricSession::Exemplar);
    let trace = received.spans[0].trace_id.as_str();
    for (name, value) in [("orders", 1.0), ("duration", 9.0), ("open", 1.0)] {
        let rows = rows(&received, name);
        let row = rows.iter().find(|row| {
            row.attributes
                .get("shop")
                .is_none_or(|shop| shop == "berlin")
        });
        let [exemplar] = &row.unwrap().exemplars[..] else {
            panic!("one exemplar expected of {name}\n{received}")
        };
        assert_eq!(exemplar.secure_session_id, SESSION);
        assert_eq!(exemplar.trace_id, trace);
        assert_eq!(exemplar.span_id, received.spans[0].span_id);
        assert!(
            (exemplar.value - value).abs() < f64::EPSILON,
            "{exemplar:?}"
        );
    }
    let of_nobody = rows(&received, "orders")
        .into_iter()
        .find(|row| row.attributes["shop"] == "paris");
    assert_eq!(of_nobody.unwrap().exemplars, []);
    assert_eq!(received.metrics.len(), 4, "no more series\n{received}");
}

/// Of the metric's points: whether one has the session as attribute, and how many exemplars there are.
fn links(metric: &Metric) -> (bool, usize) {
    fn of<'a>(points: impl Iterator<Item = (&'a [Pair], usize)>) -> (bool, usize) {
        points.fold((false, 0), |(named, exemplars), (attributes, more)| {
            let here = attributes
                .iter()
                .any(|pair| pair.key == "highlight.session_id");
            (named || here, exemplars + more)
        })
    }
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => of(sum
            .data_points
            .iter()
            .map(|point| (&point.attributes[..], point.exemplars.len()))),
        Data::Histogram(histogram) => of(histogram
            .data_points
            .iter()
            .map(|point| (&point.attributes[..], point.exemplars.len()))),
        other => panic!("a sum or a histogram expected: {other:?}"),
    }
}

#[test]
fn by_choice_the_session_is_an_attribute_or_is_not_sent() {
    for (link, of_others, of_up_down_counter) in [
        (MetricSession::Exemplar, (false, 1), (false, 1)),
        (MetricSession::Attribute, (true, 0), (false, 1)),
        (MetricSession::None, (false, 0), (false, 0)),
    ] {
        let received = measured_in_session(link);
        let metrics = &received.raw_metrics[0].resource_metrics[0].scope_metrics[0].metrics;
        assert_eq!(metrics.len(), 3);
        for metric in metrics {
            let expected = if metric.name == "open" {
                of_up_down_counter
            } else {
                of_others
            };
            assert_eq!(links(metric), expected, "{link:?} {}", metric.name);
        }
    }
}

#[test]
fn instruments_of_the_opentelemetry_api_arrive_and_observable_ones_in_every_interval() {
    let pipeline = Pipeline::with(|config| config.metric_interval(Duration::from_millis(20)));
    let meter = pipeline.highlight.meter_provider().meter("pool");
    meter
        .i64_up_down_counter("pool.connections")
        .with_unit("{connection}")
        .build()
        .add(7, &[KeyValue::new("pool", "orders")]);
    let idle = meter.u64_observable_gauge("pool.idle");
    idle.with_callback(|instrument| instrument.observe(3, &[]))
        .build();
    let received = pipeline
        .server
        .wait_for_blocking(|received| rows(received, "pool.idle").len() >= 3);
    let connections = rows(&received, "pool.connections");
    assert_eq!(connections[0].unit, "{connection}");
    assert_eq!(connections[0].attributes["pool"], "orders");
    let scope = &received.raw_metrics[0].resource_metrics[0].scope_metrics[0].scope;
    assert_eq!(scope.as_ref().unwrap().name, "pool");
}

#[test]
fn a_callback_that_hangs_holds_nothing_up_but_metrics() {
    let pipeline = Pipeline::with(|config| {
        let config = config.metric_interval(Duration::from_millis(10));
        config.shutdown_timeout(Duration::from_millis(500))
    });
    let (entered, has_entered) = mpsc::sync_channel::<()>(1);
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let meter = pipeline.highlight.meter_provider().meter("pool");
    let gauge = meter.u64_observable_gauge("hangs");
    gauge
        .with_callback(move |_| {
            let _ = entered.try_send(());
            let _ = released.lock().map(|released| released.recv());
        })
        .build();
    has_entered.recv_timeout(Duration::from_secs(10)).unwrap();
    pipeline.highlight.log(Severity::Info, |record| {
        record.body("still here");
    });
    pipeline
        .server
        .wait_for_blocking(|received| received.logs.len() == 1);
    assert!(matches!(
        pipeline.highlight.flush(),
        Err(FlushError::TimedOut { .. })
    ));
    assert_eq!(pipeline.highlight.shutdown(), Err(FlushError::Unfinished));
    drop(release);
}

#[test]
fn the_sdk_s_own_thread_measures_nothing() {
    let pipeline = Pipeline::start();
    let highlight = pipeline.highlight.handle();
    let meter = pipeline.highlight.meter_provider().meter("pool");
    let gauge = meter.u64_observable_gauge("observed");
    gauge
        .with_callback(move |instrument| {
            highlight.record_incr("inside", &[]);
            assert_eq!(highlight.flush(), Err(FlushError::Stopped));
            instrument.observe(1, &[]);
        })
        .build();
    let received = pipeline.received();
    let names: Vec<_> = received
        .metrics
        .iter()
        .map(|row| row.name.as_str())
        .collect();
    assert_eq!(names, ["observed"]);
}

#[test]
fn without_an_sdk_metrics_are_no_ops() {
    highlight::record_metric("level", 1.0, &[]);
    highlight::record_count("orders", 1, &[("shop", "berlin")]);
    highlight::record_incr("", &[]);
    highlight::record_histogram("duration", f64::NAN, &[]);
    highlight::record_up_down_counter("open", -1, &[]);
    highlight::gauge("level").unit("°C").record(1.0, &[]);
    highlight::counter("orders").incr(&[]);
    highlight::histogram("duration")
        .buckets([])
        .record(1.0, &[]);
    highlight::up_down_counter("open").add(1, &[]);
    assert_eq!(highlight::stats(), highlight::Stats::default());
}

#[test]
fn the_sdk_s_own_account_is_sent_when_asked_for() {
    let pipeline = Pipeline::with(|config| {
        config.sdk_metrics(true).before_log(|record| {
            if record.text() == "noise" {
                record.discard();
            }
        })
    });
    for text in ["kept", "noise", "kept"] {
        pipeline.highlight.log(highlight::Severity::Info, |record| {
            record.body(text);
        });
    }
    pipeline.highlight.flush().unwrap();
    // What was sent is known one collection later.
    let received = pipeline.received();
    let sum = |name: &str, key: &str, value: &str| -> f64 {
        let points = received.metrics.iter().filter(|metric| metric.name == name);
        let points = points.filter(|metric| metric.attributes["signal"] == "logs");
        let points =
            points.filter(|metric| metric.attributes.get(key).map(String::as_str) == Some(value));
        points
            .map(|metric| match metric.value {
                MetricValue::Sum { value, .. } => value,
                _ => 0.0,
            })
            .sum()
    };
    assert!(
        (sum("highlight.sdk.sent", "signal", "logs") - 2.0).abs() < f64::EPSILON,
        "{received}"
    );
    assert!(
        (sum("highlight.sdk.dropped", "reason", "hook") - 1.0).abs() < f64::EPSILON,
        "{received}"
    );
}
