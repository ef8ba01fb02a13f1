//! Data points over real sockets, into memory and into the embedded ClickHouse.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar,
};
use server_mock::{MetricRow, MetricValue, MockServer, Temporality};

use crate::embedded::{SERVER, sql};
use crate::support::{attributes, decode, event, metric, metrics, now, send, span, spans};

fn point(value: Value, pairs: &[(&str, &str)]) -> NumberDataPoint {
    let time = now();
    NumberDataPoint {
        attributes: attributes(pairs),
        start_time_unix_nano: time - 1_000,
        time_unix_nano: time,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn gauge(data_points: Vec<NumberDataPoint>) -> Data {
    Data::Gauge(Gauge { data_points })
}

/// One metric of each kind.
fn one_of_each(session: &str) -> Vec<Metric> {
    let time = now();
    let sampled = Exemplar {
        filtered_attributes: attributes(&[("highlight.session_id", session), ("why", "slow")]),
        time_unix_nano: time - 5,
        span_id: vec![0xbb; 8],
        trace_id: vec![0xaa; 16],
        value: Some(exemplar::Value::AsDouble(7.5)),
    };
    let sum = Sum {
        data_points: vec![point(Value::AsInt(-3), &[("tag", "sum")])],
        aggregation_temporality: 2,
        is_monotonic: false,
    };
    let histogram = HistogramDataPoint {
        attributes: attributes(&[("tag", "histogram")]),
        time_unix_nano: time,
        count: 3,
        sum: Some(12.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![5.0],
        exemplars: vec![sampled],
        min: Some(1.0),
        max: Some(7.5),
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        time_unix_nano: time,
        count: 3,
        sum: Some(6.0),
        positive: Some(Buckets {
            offset: 0,
            bucket_counts: vec![1, 1],
        }),
        zero_count: 1,
        ..ExponentialHistogramDataPoint::default()
    };
    let quantile = ValueAtQuantile {
        quantile: 0.5,
        value: 4.0,
    };
    let summary = SummaryDataPoint {
        time_unix_nano: time,
        count: 2,
        sum: 8.0,
        quantile_values: vec![quantile],
        ..SummaryDataPoint::default()
    };
    let session = [("highlight.session_id", session), ("tag", "gauge")];
    vec![
        metric("gauge", gauge(vec![point(Value::AsDouble(1.5), &session)])),
        metric("sum", Data::Sum(sum)),
        metric(
            "histogram",
            Data::Histogram(Histogram {
                data_points: vec![histogram],
                aggregation_temporality: 1,
            }),
        ),
        metric(
            "exponential",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 1,
            }),
        ),
        metric(
            "summary",
            Data::Summary(Summary {
                data_points: vec![summary],
            }),
        ),
    ]
}

fn values(rows: &[MetricRow]) -> Vec<&MetricValue> {
    rows.iter().map(|row| &row.value).collect()
}

#[tokio::test]
async fn each_kind_of_data_point_becomes_a_row() {
    let server = MockServer::start();
    let request = metrics(one_of_each("s1"));
    let response = send(&server.url(), "/v1/metrics", &request).await;
    assert_eq!(response.status(), 200);
    let received = server.received();
    assert_eq!(received.requests[0].records, 5);
    assert_eq!(
        values(&received.metrics),
        [
            &MetricValue::Gauge(1.5),
            &MetricValue::Sum {
                value: -3.0,
                temporality: Temporality::Cumulative,
                is_monotonic: false
            },
            &MetricValue::Histogram {
                count: 3,
                sum: 12.5,
                bucket_counts: vec![1, 2],
                explicit_bounds: vec![5.0],
                min: 1.0,
                max: 7.5,
                temporality: Temporality::Delta,
                was_exponential: false
            },
            &MetricValue::Histogram {
                count: 3,
                sum: 6.0,
                bucket_counts: vec![1, 1, 1, 0],
                explicit_bounds: vec![1.0, 2.0, 4.0],
                min: 0.0,
                max: 0.0,
                temporality: Temporality::Delta,
                was_exponential: true
            },
            &MetricValue::Summary {
                count: 2,
                sum: 8.0,
                quantiles: vec![(0.5, 4.0)]
            },
        ]
    );
    let row = &received.metrics[0];
    assert_eq!((row.name.as_str(), row.unit.as_str()), ("gauge", "ms"));
    assert_eq!(row.description, "text");
    assert_eq!((row.project_id, row.service_name.as_str()), (1, "shop"));
    assert_eq!(row.timestamp_ns - row.start_timestamp_ns, 1_000);
    assert_eq!(row.attributes["tag"], "gauge");
    assert!(!row.attributes.contains_key("highlight.session_id"));
    assert_eq!(row.exemplars[0].secure_session_id, "s1");
    let exemplar = &received.metrics[2].exemplars[0];
    assert_eq!(exemplar.secure_session_id, "s1");
    assert_eq!(exemplar.attributes["why"], "slow");
    assert_eq!(exemplar.trace_id, "aa".repeat(16));
    assert_eq!(
        (exemplar.span_id.as_str(), exemplar.value),
        ("bbbbbbbbbbbbbbbb", 7.5)
    );
}

#[tokio::test]
async fn bad_points_are_told_in_partial_success_and_good_ones_stored() {
    let server = MockServer::start();
    let one = |value| point(value, &[]);
    let homeless = point(Value::AsInt(1), &[("highlight.project_id", "nope")]);
    let silent = NumberDataPoint {
        value: None,
        flags: 1,
        ..one(Value::AsInt(1))
    };
    let odd = HistogramDataPoint {
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![1.0],
        ..HistogramDataPoint::default()
    };
    let far = ExponentialHistogramDataPoint {
        scale: -2_000,
        positive: Some(Buckets {
            offset: 1,
            bucket_counts: vec![1],
        }),
        ..ExponentialHistogramDataPoint::default()
    };
    let request = metrics(vec![
        metric("good", gauge(vec![one(Value::AsInt(1)), silent, homeless])),
        metric("", gauge(vec![one(Value::AsInt(1)), one(Value::AsInt(2))])),
        metric(
            "odd",
            Data::Histogram(Histogram {
                data_points: vec![odd],
                aggregation_temporality: 1,
            }),
        ),
        metric(
            "far",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![far],
                aggregation_temporality: 1,
            }),
        ),
    ]);
    let response = send(&server.url(), "/v1/metrics", &request).await;
    assert_eq!(response.status(), 200);
    let partial = decode::<ExportMetricsServiceResponse>(response)
        .await
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_data_points, 5);
    assert_eq!(
        partial.error_message,
        "1 with bucket counts that do not fit the bounds; 1 with exponential buckets beyond any number; \
         2 with no metric name; 1 with the unusable project id `nope`"
    );
    let received = server.received();
    assert_eq!(values(&received.metrics), [&MetricValue::Gauge(1.0)]);
}

#[tokio::test]
async fn a_metric_event_of_a_span_is_a_gauge() {
    let server = MockServer::start();
    let told = event(
        "metric",
        &[
            ("metric.name", "cart.total"),
            ("metric.value", "12.5"),
            ("currency", "eur"),
        ],
    );
    let untold = event(
        "metric",
        &[("metric.name", "cart.total"), ("metric.value", "much")],
    );
    let row = span("pay", &[("highlight.session_id", "s1")], vec![told, untold]);
    let response = send(&server.url(), "/v1/traces", &spans(vec![row])).await;
    assert_eq!(response.status(), 200);
    let received = server.received();
    let [metric] = &received.metrics[..] else {
        panic!("one metric expected\n{received}")
    };
    assert_eq!(metric.name, "cart.total");
    assert_eq!(metric.value, MetricValue::Gauge(12.5));
    assert_eq!(metric.attributes["currency"], "eur");
    assert!(!metric.attributes.contains_key("metric.value"));
    let exemplar = &metric.exemplars[0];
    assert_eq!(exemplar.secure_session_id, "s1");
    assert_eq!(exemplar.trace_id, received.spans[0].trace_id);
    assert_eq!(
        received.spans[0].events.len(),
        1,
        "what is no metric stays an event"
    );
}

#[tokio::test]
async fn data_points_are_in_their_tables_when_acknowledged() {
    let request = metrics(one_of_each("metrics"));
    let response = send(&SERVER.url(), "/v1/metrics", &request).await;
    assert_eq!(response.status(), 200);
    let of_session = "has(`Exemplars.SecureSessionID`, 'metrics')";
    assert_eq!(
        sql(&format!(
            "SELECT ProjectId, ServiceName, MetricName, MetricDescription, MetricUnit, Attributes, MetricType, Value, \
             IsMonotonic, toUnixTimestamp64Nano(Timestamp) - toUnixTimestamp64Nano(StartTimestamp) \
             FROM metrics_sum WHERE {of_session} FORMAT TSVRaw"
        )),
        "1\tshop\tgauge\ttext\tms\t{'tag':'gauge'}\tGauge\t1.5\tfalse\t1000\n"
    );
    assert_eq!(
        sql(
            "SELECT MetricType, Value, AggregationTemporality FROM metrics_sum WHERE Attributes['tag'] = 'sum' FORMAT TSVRaw"
        ),
        "Sum\t-3\t2\n"
    );
    assert_eq!(
        sql(&format!(
            "SELECT Count, Sum, BucketCounts, ExplicitBounds, Min, Max, AggregationTemporality, `Exemplars.Value`, \
             `Exemplars.TraceID`, `Exemplars.SpanID`, `Exemplars.Attributes` \
             FROM metrics_histogram WHERE {of_session} FORMAT TSVRaw"
        )),
        format!(
            "3\t12.5\t[1,2]\t[5]\t1\t7.5\t1\t[7.5]\t['{}']\t['{}']\t[{{'why':'slow'}}]\n",
            "aa".repeat(16),
            "bb".repeat(8)
        )
    );
    assert_eq!(
        sql(
            "SELECT MetricType, BucketCounts, ExplicitBounds FROM metrics_histogram WHERE MetricName = 'exponential' FORMAT TSVRaw"
        ),
        "ExponentialHistogram\t[1,1,1,0]\t[1,2,4]\n"
    );
    assert_eq!(
        sql(
            "SELECT Count, Sum, `ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value` FROM metrics_summary FORMAT TSVRaw"
        ),
        "2\t8\t[0.5]\t[4]\n"
    );
}
