//! Data points in their three tables.

use super::row_binary::RowBinary;
use super::table::TableRow;
use crate::rows::{MetricRow, MetricValue, Temporality};

/// A gauge or a sum.
pub(super) struct Sum<'a>(pub(super) &'a MetricRow);

/// A histogram.
pub(super) struct Histogram<'a>(pub(super) &'a MetricRow);

/// A summary.
pub(super) struct Summary<'a>(pub(super) &'a MetricRow);

macro_rules! insert {
    ($table:literal, $columns:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (ProjectId, ServiceName, MetricName, MetricDescription, MetricUnit, Attributes, StartTimestamp, Timestamp, \
             MetricType, Flags, `Exemplars.Attributes`, `Exemplars.Timestamp`, `Exemplars.Value`, `Exemplars.SpanID`, \
             `Exemplars.TraceID`, `Exemplars.SecureSessionID`, ",
            $columns,
            ")"
        )
    };
}

/// The columns that all three tables begin with.
fn common(out: &mut RowBinary, row: &MetricRow) {
    out.u32(row.project_id);
    out.string(&row.service_name);
    out.string(&row.name);
    out.string(&row.description);
    out.string(&row.unit);
    out.map(&row.attributes);
    out.i64(row.start_timestamp_ns);
    out.i64(row.timestamp_ns);
    out.string(match row.value {
        MetricValue::Gauge(_) => "Gauge",
        MetricValue::Sum { .. } => "Sum",
        MetricValue::Histogram {
            was_exponential: true,
            ..
        } => "ExponentialHistogram",
        MetricValue::Histogram { .. } => "Histogram",
        MetricValue::Summary { .. } => "Summary",
    });
    out.u32(row.flags);
    let exemplars = &row.exemplars;
    out.list(exemplars, |out, one| out.map(&one.attributes));
    out.list(exemplars, |out, one| out.i64(one.timestamp_ns));
    out.list(exemplars, |out, one| out.f64(one.value));
    out.list(exemplars, |out, one| out.string(&one.span_id));
    out.list(exemplars, |out, one| out.string(&one.trace_id));
    out.list(exemplars, |out, one| out.string(&one.secure_session_id));
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
    const INSERT: &'static str =
        insert!("metrics_sum", "Value, AggregationTemporality, IsMonotonic");

    fn encode(&self, out: &mut RowBinary) {
        let (value, temporality, is_monotonic) = match self.0.value {
            MetricValue::Gauge(value) => (value, Temporality::Unspecified, false),
            MetricValue::Sum {
                value,
                temporality,
                is_monotonic,
            } => (value, temporality, is_monotonic),
            _ => return,
        };
        common(out, self.0);
        out.f64(value);
        out.i32(number(temporality));
        out.boolean(is_monotonic);
    }
}

impl TableRow for Histogram<'_> {
    const INSERT: &'static str = insert!(
        "metrics_histogram",
        "Count, Sum, BucketCounts, ExplicitBounds, Min, Max, AggregationTemporality"
    );

    fn encode(&self, out: &mut RowBinary) {
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
        common(out, self.0);
        out.u64(*count);
        out.f64(*sum);
        out.list(bucket_counts, |out, count| out.u64(*count));
        out.list(explicit_bounds, |out, bound| out.f64(*bound));
        out.f64(*min);
        out.f64(*max);
        out.i32(number(*temporality));
    }
}

impl TableRow for Summary<'_> {
    const INSERT: &'static str = insert!(
        "metrics_summary",
        "Count, Sum, `ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value`"
    );

    fn encode(&self, out: &mut RowBinary) {
        let MetricValue::Summary {
            count,
            sum,
            quantiles,
        } = &self.0.value
        else {
            return;
        };
        common(out, self.0);
        out.u64(*count);
        out.f64(*sum);
        out.list(quantiles, |out, (quantile, _)| out.f64(*quantile));
        out.list(quantiles, |out, (_, value)| out.f64(*value));
    }
}
