//! Counts what the points of the harness's metrics add up to: each measurement counts one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, number_data_point};
use prost::Message;

/// What the names of the harness's metrics begin with.
const PREFIX: &str = "bench.";

/// Series by name and attributes.
#[derive(Default)]
pub struct Measurements(Mutex<HashMap<String, u64>>);

impl Measurements {
    /// Takes an OTLP request in. None if it is not one.
    pub fn take(&self, body: &[u8]) -> Option<()> {
        let request = ExportMetricsServiceRequest::decode(body).ok()?;
        let scopes = request
            .resource_metrics
            .into_iter()
            .flat_map(|group| group.scope_metrics);
        let metrics = scopes
            .flat_map(|scope| scope.metrics)
            .filter(|metric| metric.name.starts_with(PREFIX));
        for metric in metrics {
            match metric.data? {
                Data::Sum(sum) => {
                    for point in &sum.data_points {
                        let count = match point.value? {
                            number_data_point::Value::AsInt(count) => u64::try_from(count).ok()?,
                            number_data_point::Value::AsDouble(count) => count as u64,
                        };
                        self.put(
                            &metric.name,
                            &point.attributes,
                            sum.aggregation_temporality,
                            count,
                        );
                    }
                }
                Data::Histogram(histogram) => {
                    for point in &histogram.data_points {
                        self.put(
                            &metric.name,
                            &point.attributes,
                            histogram.aggregation_temporality,
                            point.count,
                        );
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Adds measurements that come one by one.
    pub fn add(&self, count: u64) {
        self.put("", &[], AggregationTemporality::Delta as i32, count);
    }

    /// A delta adds up; what is cumulative says again what was said before.
    fn put(&self, name: &str, attributes: &[KeyValue], temporality: i32, count: u64) {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = series.entry(format!("{name} {attributes:?}")).or_default();
        if temporality == AggregationTemporality::Cumulative as i32 {
            *sum = count;
        } else {
            *sum += count;
        }
    }

    pub fn total(&self) -> u64 {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        series.values().sum()
    }
}
