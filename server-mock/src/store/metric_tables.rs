//! Data points in their three tables.

use super::row_binary::RowBinary;
use super::table::TableRow;
use crate::rows::{MetricRow, MetricValue, Temporality};

/// A gauge or a sum.
pub(super) struct Sum<'a>(&'a MetricRow, f64, Temporality, bool);

/// A histogram.
pub(super) struct Histogram<'a>(&'a MetricRow);

/// A summary.
pub(super) struct Summary<'a>(&'a MetricRow);

/// The rows of each table.
pub(super) fn split(rows: &[MetricRow]) -> (Vec<Sum<'_>>, Vec<Histogram<'_>>, Vec<Summary<'_>>) {
    let (mut sums, mut histograms, mut summaries) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row.value {
            MetricValue::Gauge(value) => {
                sums.push(Sum(row, value, Temporality::Unspecified, false));
            }
            MetricValue::Sum {
                value,
                temporality,
                is_monotonic,
            } => sums.push(Sum(row, value, temporality, is_monotonic)),
            MetricValue::Histogram { .. } => histograms.push(Histogram(row)),
            MetricValue::Summary { .. } => summaries.push(Summary(row)),
        }
    }
    (sums, histograms, summaries)
}

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
        let Sum(row, value, temporality, is_monotonic) = *self;
        common(out, row);
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
