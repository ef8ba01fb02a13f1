//! One collection, from a meter to the reference types.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ScopeMetrics};
use prost::Message as _;

use super::instrument::Registry;
use super::provider::MeterProvider;
use crate::export::buffer::{Bounds, Buffer};
use crate::export::collector::Collector;

pub(crate) fn registry() -> Registry {
    Registry::new(buffer())
}

pub(super) fn buffer() -> Arc<Buffer> {
    Arc::new(Buffer::new(Bounds {
        budget: 1 << 20,
        request: 1 << 20,
    }))
}

/// What is collected of a meter that `record` was given, by name.
pub(super) fn collected(record: impl FnOnce(&Meter)) -> Vec<Metric> {
    let buffer = buffer();
    let scope = InstrumentationScope::builder("highlight").build();
    let collector = Arc::new(Collector::new(Arc::clone(&buffer), scope, None));
    let provider = MeterProvider::new(Some(Arc::clone(&collector)));
    record(&provider.meter("test"));
    collector.collect();
    buffer.seal_open();
    let mut metrics = Vec::new();
    while let Some((_, chunk)) = buffer.take_sealed() {
        for records in chunk.groups.iter().flat_map(|group| &group.blocks) {
            metrics.extend(ScopeMetrics::decode(&*records.whole()).unwrap().metrics);
        }
    }
    metrics.sort_by(|one, other| one.name.cmp(&other.name));
    metrics
}
