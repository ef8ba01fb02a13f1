//! Metric data points to rows of `metrics_sum`, `metrics_histogram` and `metrics_summary`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar as SentExemplar, ExponentialHistogramDataPoint,
    HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar, number_data_point,
};

use super::above::Above;
use super::attributes::{Layer, flatten};
use super::fields::Fields;
use super::ids::Id;
use super::room::{Bounds, TooLarge};
use super::{Arrival, Extracted, histogram, time};
use crate::record::owned;
use crate::rows::{Exemplar, MetricRow, MetricValue, Temporality};

/// Adds the rows of a request with metrics, within its bounds.
pub(crate) fn extract_metrics(
    request: &ExportMetricsServiceRequest,
    bounds: &mut Bounds,
    arrival: &Arrival<'_>,
    extracted: &mut Extracted,
) {
    for of_resource in &request.resource_metrics {
        let resource = of_resource
            .resource
            .as_ref()
            .map_or(&[][..], |resource| &resource.attributes);
        let resource = Layer::of(resource);
        let inherited = bounds.above(&resource);
        for of_scope in &of_resource.scope_metrics {
            let scope = of_scope
                .scope
                .as_ref()
                .map_or(&[][..], |scope| &scope.attributes);
            let scope = Layer::of(scope);
            let above = Above::new((&resource, inherited), &scope, bounds);
            for metric in &of_scope.metrics {
                let metadata = Layer::of(&metric.metadata);
                Source {
                    metric,
                    above: &above,
                    metadata: &metadata,
                    inherited: bounds.above(&metadata).map(|bytes| bytes + text(metric)),
                    arrival,
                }
                .add_to(extracted, bounds);
            }
        }
    }
}

/// A metric with what surrounds it.
struct Source<'a> {
    metric: &'a Metric,
    above: &'a Above<'a, 'a>,
    metadata: &'a Layer<'a>,
    /// How many bytes each point has of the metric itself.
    inherited: Result<usize, TooLarge>,
    arrival: &'a Arrival<'a>,
}

/// What all kinds of data points have.
struct Point<'a> {
    attributes: &'a [KeyValue],
    start: u64,
    time: u64,
    flags: u32,
    exemplars: &'a [SentExemplar],
}

macro_rules! point {
    ($sent:expr, $exemplars:expr) => {
        Point {
            attributes: &$sent.attributes,
            start: $sent.start_time_unix_nano,
            time: $sent.time_unix_nano,
            flags: $sent.flags,
            exemplars: $exemplars,
        }
    };
}

impl Source<'_> {
    fn add_to(&self, extracted: &mut Extracted, bounds: &mut Bounds) {
        match &self.metric.data {
            Some(Data::Gauge(gauge)) => self.each(extracted, &gauge.data_points, |sent| {
                let value = number(sent).map(MetricValue::Gauge);
                self.row(&point!(sent, &sent.exemplars), value, bounds)
            }),
            Some(Data::Sum(sum)) => self.each(extracted, &sum.data_points, |sent| {
                let value = number(sent).map(|value| MetricValue::Sum {
                    value,
                    temporality: temporality(sum.aggregation_temporality),
                    is_monotonic: sum.is_monotonic,
                });
                self.row(&point!(sent, &sent.exemplars), value, bounds)
            }),
            Some(Data::Histogram(histogram)) => {
                let temporality = temporality(histogram.aggregation_temporality);
                self.each(extracted, &histogram.data_points, |sent| {
                    let value = explicit(sent, temporality)?;
                    self.row(&point!(sent, &sent.exemplars), Some(value), bounds)
                });
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let temporality = temporality(histogram.aggregation_temporality);
                self.each(extracted, &histogram.data_points, |sent| {
                    let value = exponential(sent, temporality)?;
                    self.row(&point!(sent, &sent.exemplars), Some(value), bounds)
                });
            }
            Some(Data::Summary(of_metric)) => {
                self.each(extracted, &of_metric.data_points, |sent| {
                    self.row(&point!(sent, &[]), Some(summary(sent)), bounds)
                });
            }
            None => {}
        }
    }

    fn each<P>(
        &self,
        extracted: &mut Extracted,
        points: &[P],
        mut row: impl FnMut(&P) -> Result<Option<MetricRow>, String>,
    ) {
        extracted.records += points.len();
        if self.metric.name.is_empty() {
            let count = u32::try_from(points.len()).unwrap_or(u32::MAX);
            return extracted
                .rejected
                .add_many("no metric name".to_owned(), count);
        }
        for point in points {
            match row(point) {
                Ok(row) => row.into_iter().for_each(|row| extracted.metric(row)),
                Err(reason) => extracted.rejected.add(reason),
            }
        }
    }

    /// The row of a point; none where the sender says that nothing was measured.
    fn row(
        &self,
        point: &Point<'_>,
        value: Option<MetricValue>,
        bounds: &mut Bounds,
    ) -> Result<Option<MetricRow>, String> {
        let metric = self.metric;
        let own = Layer::of(point.attributes);
        bounds.nested(&own)?;
        self.above.inherit(self.inherited?, bounds)?;
        let layers = [self.above.resource, self.above.scope, self.metadata, &own];
        let fields = Fields::read(&layers, self.arrival)?;
        let Some(value) = value else {
            return Ok(None);
        };
        let timestamp_ns = time::stamp(&[point.time], self.arrival.received_ns);
        bounds.inherit(fields.session.len().saturating_mul(point.exemplars.len()))?;
        let mut exemplars = Vec::with_capacity(point.exemplars.len());
        for sent in point.exemplars {
            exemplars.push(read_exemplar(sent, &fields.session, timestamp_ns, bounds)?);
        }
        if exemplars.is_empty() {
            exemplars.extend(of_session(&fields.session, timestamp_ns, &value));
        }
        Ok(Some(MetricRow {
            project_id: fields.project_id,
            service_name: fields.service_name.to_string(),
            name: metric.name.clone(),
            description: metric.description.clone(),
            unit: metric.unit.clone(),
            attributes: owned(&fields.attributes),
            start_timestamp_ns: i64::try_from(point.start).unwrap_or(0),
            timestamp_ns,
            flags: point.flags,
            exemplars,
            value,
        }))
    }
}

/// How many bytes a metric says of itself.
fn text(metric: &Metric) -> usize {
    metric.name.len() + metric.description.len() + metric.unit.len()
}

/// The tables know sessions by exemplars only, so a point's own session becomes one.
pub(super) fn of_session(
    session: &str,
    timestamp_ns: i64,
    value: &MetricValue,
) -> Option<Exemplar> {
    let value = match value {
        MetricValue::Gauge(value) | MetricValue::Sum { value, .. } => *value,
        MetricValue::Histogram { sum, .. } | MetricValue::Summary { sum, .. } => *sum,
    };
    (!session.is_empty()).then(|| Exemplar {
        timestamp_ns,
        value,
        secure_session_id: session.to_owned(),
        ..Exemplar::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "the table has doubles")]
fn read_exemplar(
    sent: &SentExemplar,
    session: &str,
    point_ns: i64,
    bounds: &mut Bounds,
) -> Result<Exemplar, String> {
    let mut attributes = flatten(&sent.filtered_attributes, bounds)?;
    let own = ["highlight.session_id", "highlight_session_id"]
        .map(|key| attributes.remove(key))
        .into_iter()
        .flatten()
        .next();
    let timestamp_ns = i64::try_from(sent.time_unix_nano).ok();
    Ok(Exemplar {
        attributes,
        timestamp_ns: timestamp_ns.filter(|time| *time > 0).unwrap_or(point_ns),
        value: match sent.value {
            Some(exemplar::Value::AsDouble(value)) => value,
            Some(exemplar::Value::AsInt(value)) => value as f64,
            None => 0.0,
        },
        span_id: Id::optional("exemplar's span id", &sent.span_id, 8)?.to_string(),
        trace_id: Id::optional("exemplar's trace id", &sent.trace_id, 16)?.to_string(),
        secure_session_id: own.unwrap_or_else(|| session.to_owned()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "the table has doubles")]
fn number(point: &NumberDataPoint) -> Option<f64> {
    match point.value? {
        number_data_point::Value::AsDouble(value) => Some(value),
        number_data_point::Value::AsInt(value) => Some(value as f64),
    }
}

fn explicit(point: &HistogramDataPoint, temporality: Temporality) -> Result<MetricValue, String> {
    let (counts, bounds) = (point.bucket_counts.len(), point.explicit_bounds.len());
    if counts != 0 && counts != bounds + 1 {
        return Err("bucket counts that do not fit the bounds".to_owned());
    }
    Ok(MetricValue::Histogram {
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        bucket_counts: point.bucket_counts.clone(),
        explicit_bounds: point.explicit_bounds.clone(),
        min: point.min.unwrap_or_default(),
        max: point.max.unwrap_or_default(),
        temporality,
        was_exponential: false,
    })
}

fn exponential(
    point: &ExponentialHistogramDataPoint,
    temporality: Temporality,
) -> Result<MetricValue, String> {
    let (explicit_bounds, bucket_counts) = histogram::explicit(point)?;
    Ok(MetricValue::Histogram {
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        bucket_counts,
        explicit_bounds,
        min: point.min.unwrap_or_default(),
        max: point.max.unwrap_or_default(),
        temporality,
        was_exponential: true,
    })
}

fn summary(point: &SummaryDataPoint) -> MetricValue {
    let quantiles = point.quantile_values.iter();
    MetricValue::Summary {
        count: point.count,
        sum: point.sum,
        quantiles: quantiles.map(|pair| (pair.quantile, pair.value)).collect(),
    }
}

fn temporality(number: i32) -> Temporality {
    match AggregationTemporality::try_from(number) {
        Ok(AggregationTemporality::Delta) => Temporality::Delta,
        Ok(AggregationTemporality::Cumulative) => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}
