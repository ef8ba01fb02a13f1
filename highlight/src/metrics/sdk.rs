//! The SDK's own account as metrics: `highlight.sdk.sent`, `.dropped` and `.queued`, by signal, and by reason where it is a loss.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::export::buffer::Buffer;
use crate::export::stats::{DropReason, Signal};

/// Makes the instruments. They are read when metrics are collected.
pub(crate) fn watch(meter: &Meter, buffer: &Arc<Buffer>) {
    let stats = Buffer::stats;
    let account = Arc::clone(buffer);
    meter
        .u64_observable_counter("highlight.sdk.sent")
        .with_unit("{record}")
        .with_description("Records that the endpoint acknowledged.")
        .with_callback(move |instrument| {
            let stats = stats(&account);
            for signal in Signal::ALL {
                instrument.observe(stats.sent(signal), &[of(signal)]);
            }
        })
        .build();
    let account = Arc::clone(buffer);
    meter
        .u64_observable_counter("highlight.sdk.dropped")
        .with_unit("{record}")
        .with_description("Records that were lost.")
        .with_callback(move |instrument| {
            let stats = stats(&account);
            for signal in Signal::ALL {
                for reason in DropReason::ALL {
                    let lost = stats.dropped(signal, reason);
                    if lost > 0 {
                        let why = KeyValue::new("reason", reason.name());
                        instrument.observe(lost, &[of(signal), why]);
                    }
                }
            }
        })
        .build();
    let account = Arc::clone(buffer);
    meter
        .i64_observable_up_down_counter("highlight.sdk.queued")
        .with_unit("{record}")
        .with_description("Records in memory, waiting or on their way.")
        .with_callback(move |instrument| {
            let stats = stats(&account);
            for signal in Signal::ALL {
                let queued = i64::try_from(stats.queued(signal)).unwrap_or(i64::MAX);
                instrument.observe(queued, &[of(signal)]);
            }
        })
        .build();
}

fn of(signal: Signal) -> KeyValue {
    KeyValue::new("signal", signal.name())
}
