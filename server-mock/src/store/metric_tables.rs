//! Data points in their three tables.

use super::native::{Header, Row};
use super::table::TableRow;
use crate::rows::{MetricRow, MetricValue, Temporality};

/// A gauge or a sum.
pub(super) struct Sum<'a>(pub(super) &'a MetricRow);

/// A histogram.
pub(super) struct Histogram<'a>(pub(super) &'a MetricRow);

/// A summary.
pub(super) struct Summary<'a>(pub(super) &'a MetricRow);

/// The columns that all three tables begin with, and those of one.
macro_rules! columns {
    ($($own:expr),*) => {
        &[
            ("ProjectId", "UInt32"),
            ("ServiceName", "String"),
            ("MetricName", "String"),
            ("MetricDescription", "String"),
            ("MetricUnit", "String"),
            ("Attributes", "Map(String, String)"),
            ("StartTimestamp", "DateTime64(9)"),
            ("Timestamp", "DateTime64(9)"),
            ("MetricType", "String"),
            ("Flags", "UInt32"),
            ("Exemplars.Attributes", "Array(Map(String, String))"),
            ("Exemplars.Timestamp", "Array(DateTime64(9))"),
            ("Exemplars.Value", "Array(Float64)"),
            ("Exemplars.SpanID", "Array(String)"),
            ("Exemplars.TraceID", "Array(String)"),
            ("Exemplars.SecureSessionID", "Array(String)"),
            $($own),*
        ]
    };
}

/// Fills the columns that all three tables begin with.
fn common(row: &mut Row<'_>, metric: &MetricRow) {
    row.u32(metric.project_id);
    row.string(&metric.service_name);
    row.string(&metric.name);
    row.string(&metric.description);
    row.string(&metric.unit);
    row.map(&metric.attributes);
    row.i64(metric.start_timestamp_ns);
    row.i64(metric.timestamp_ns);
    row.string(match metric.value {
        MetricValue::Gauge(_) => "Gauge",
        MetricValue::Sum { .. } => "Sum",
        MetricValue::Histogram {
            was_exponential: true,
            ..
        } => "ExponentialHistogram",
        MetricValue::Histogram { .. } => "Histogram",
        MetricValue::Summary { .. } => "Summary",
    });
    row.u32(metric.flags);
    let exemplars = &metric.exemplars;
    row.array_of_maps(exemplars, |one| &one.attributes);
    row.array(exemplars, |out, one| out.i64(one.timestamp_ns));
    row.array(exemplars, |out, one| out.f64(one.value));
    row.array(exemplars, |out, one| out.string(&one.span_id));
    row.array(exemplars, |out, one| out.string(&one.trace_id));
    row.array(exemplars, |out, one| out.string(&one.secure_session_id));
}

/// OTLP's numbers.
fn number(temporality: Temporality) -> i32 {
    match temporality {
        Temporality::Unspecified => 0,
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    }
}

impl TableRow for Sum<'_> {
    const TABLE: &'static str = "metrics_sum";
    const COLUMNS: &'static [Header] = columns![
        ("Value", "Float64"),
        ("AggregationTemporality", "Int32"),
        ("IsMonotonic", "Bool")
    ];

    fn fill(&self, row: &mut Row<'_>) {
        let (value, temporality, is_monotonic) = match self.0.value {
            MetricValue::Gauge(value) => (value, Temporality::Unspecified, false),
            MetricValue::Sum {
                value,
                temporality,
                is_monotonic,
            } => (value, temporality, is_monotonic),
            _ => return,
        };
        common(row, self.0);
        row.f64(value);
        row.i32(number(temporality));
        row.boolean(is_monotonic);
    }
}

impl TableRow for Histogram<'_> {
    const TABLE: &'static str = "metrics_histogram";
    const COLUMNS: &'static [Header] = columns![
        ("Count", "UInt64"),
        ("Sum", "Float64"),
        ("BucketCounts", "Array(UInt64)"),
        ("ExplicitBounds", "Array(Float64)"),
        ("Min", "Float64"),
        ("Max", "Float64"),
        ("AggregationTemporality", "Int32")
    ];

    fn fill(&self, row: &mut Row<'_>) {
        let MetricValue::Histogram {
            count,
            sum,
            bucket_counts,
            explicit_bounds,
            min,
            max,
            temporality,
            ..
        } = &self.0.value
        else {
            return;
        };
        common(row, self.0);
        row.u64(*count);
        row.f64(*sum);
        row.array(bucket_counts, |out, count| out.u64(*count));
        row.array(explicit_bounds, |out, bound| out.f64(*bound));
        row.f64(*min);
        row.f64(*max);
        row.i32(number(*temporality));
    }
}

impl TableRow for Summary<'_> {
    const TABLE: &'static str = "metrics_summary";
    const COLUMNS: &'static [Header] = columns![
        ("Count", "UInt64"),
        ("Sum", "Float64"),
        ("ValueAtQuantiles.Quantile", "Array(Float64)"),
        ("ValueAtQuantiles.Value", "Array(Float64)")
    ];

    fn fill(&self, row: &mut Row<'_>) {
        let MetricValue::Summary {
            count,
            sum,
            quantiles,
        } = &self.0.value
        else {
            return;
        };
        common(row, self.0);
        row.u64(*count);
        row.f64(*sum);
        row.array(quantiles, |out, (quantile, _)| out.f64(*quantile));
        row.array(quantiles, |out, (_, value)| out.f64(*value));
    }
}
