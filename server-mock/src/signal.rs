//! What the three OTLP signals do differently, so that one handler serves them.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::extract::{Arrival, Extracted, extract_logs, extract_metrics, extract_spans};
use crate::received::Received;

/// A decoded request of one signal.
pub(crate) trait Signal: Message + Default + Send + 'static {
    /// How many records it carries.
    fn records(&self) -> usize;

    /// Its first resource.
    fn resource(&self) -> Option<&Resource>;

    /// The rows it turns into.
    fn extract(&self, arrival: Arrival<'_>) -> Extracted;

    /// Keeps the request itself.
    fn keep(self, received: &mut Received);

    /// The encoded response, with a `partial_success` when there is something to say.
    fn response(partial: Option<(i64, String)>) -> Vec<u8>;
}

impl Signal for ExportLogsServiceRequest {
    fn records(&self) -> usize {
        self.resource_logs
            .iter()
            .flat_map(|logs| &logs.scope_logs)
            .map(|logs| logs.log_records.len())
            .sum()
    }

    fn resource(&self) -> Option<&Resource> {
        self.resource_logs.first()?.resource.as_ref()
    }

    fn extract(&self, arrival: Arrival<'_>) -> Extracted {
        extract_logs(self, arrival)
    }

    fn keep(self, received: &mut Received) {
        received.raw_logs.push(self);
    }

    fn response(partial: Option<(i64, String)>) -> Vec<u8> {
        let partial_success =
            partial.map(
                |(rejected_log_records, error_message)| ExportLogsPartialSuccess {
                    rejected_log_records,
                    error_message,
                },
            );
        ExportLogsServiceResponse { partial_success }.encode_to_vec()
    }
}

impl Signal for ExportTraceServiceRequest {
    fn records(&self) -> usize {
        self.resource_spans
            .iter()
            .flat_map(|spans| &spans.scope_spans)
            .map(|spans| spans.spans.len())
            .sum()
    }

    fn resource(&self) -> Option<&Resource> {
        self.resource_spans.first()?.resource.as_ref()
    }

    fn extract(&self, arrival: Arrival<'_>) -> Extracted {
        extract_spans(self, arrival)
    }

    fn keep(self, received: &mut Received) {
        received.raw_traces.push(self);
    }

    fn response(partial: Option<(i64, String)>) -> Vec<u8> {
        let partial_success =
            partial.map(
                |(rejected_spans, error_message)| ExportTracePartialSuccess {
                    rejected_spans,
                    error_message,
                },
            );
        ExportTraceServiceResponse { partial_success }.encode_to_vec()
    }
}

impl Signal for ExportMetricsServiceRequest {
    fn records(&self) -> usize {
        let scopes = self
            .resource_metrics
            .iter()
            .flat_map(|metrics| &metrics.scope_metrics);
        scopes
            .flat_map(|metrics| &metrics.metrics)
            .map(points)
            .sum()
    }

    fn resource(&self) -> Option<&Resource> {
        self.resource_metrics.first()?.resource.as_ref()
    }

    fn extract(&self, arrival: Arrival<'_>) -> Extracted {
        extract_metrics(self, arrival)
    }

    fn keep(self, received: &mut Received) {
        received.raw_metrics.push(self);
    }

    fn response(partial: Option<(i64, String)>) -> Vec<u8> {
        let partial_success =
            partial.map(
                |(rejected_data_points, error_message)| ExportMetricsPartialSuccess {
                    rejected_data_points,
                    error_message,
                },
            );
        ExportMetricsServiceResponse { partial_success }.encode_to_vec()
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}
