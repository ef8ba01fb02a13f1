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
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::extract::{Arrival, Bounds, Extracted, extract_logs, extract_metrics, extract_spans};
use crate::received::Received;

/// The requests of one signal; as values, they are for tests to look at.
pub(crate) trait Signal: Message + Default + Send + 'static {
    /// Its first resource.
    fn resource(&self) -> Option<&Resource>;

    /// Adds the rows that an encoded request turns into; the error is why it is none.
    fn extract(
        request: &[u8],
        arrival: &Arrival<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), String>;

    /// Keeps the request itself.
    fn keep(self, received: &mut Received);

    /// The encoded response, with a `partial_success` when there is something to say.
    fn response(partial: Option<(i64, String)>) -> Vec<u8>;
}

impl Signal for ExportLogsServiceRequest {
    fn resource(&self) -> Option<&Resource> {
        self.resource_logs.first()?.resource.as_ref()
    }

    fn extract(
        request: &[u8],
        arrival: &Arrival<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), String> {
        extract_logs(request, arrival, extracted).map_err(|error| error.to_string())
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
    fn resource(&self) -> Option<&Resource> {
        self.resource_spans.first()?.resource.as_ref()
    }

    fn extract(
        request: &[u8],
        arrival: &Arrival<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), String> {
        extract_spans(request, arrival, extracted).map_err(|error| error.to_string())
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
    fn resource(&self) -> Option<&Resource> {
        self.resource_metrics.first()?.resource.as_ref()
    }

    fn extract(
        request: &[u8],
        arrival: &Arrival<'_>,
        extracted: &mut Extracted,
    ) -> Result<(), String> {
        let decoded = Self::decode(request).map_err(|error| error.to_string())?;
        let mut bounds = Bounds::of(request.len());
        extract_metrics(&decoded, &mut bounds, arrival, extracted);
        Ok(())
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
