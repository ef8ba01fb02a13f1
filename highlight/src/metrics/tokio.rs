//! What a tokio runtime has to do: its workers, tasks and queue, as far as tokio's stable interface tells.

use opentelemetry::metrics::Meter;
use tokio::runtime::{Handle, RuntimeMetrics};

use crate::handle::Highlight;

/// Watches the runtime that `init` is called in, if there is one.
pub(crate) fn watch_current(meter: &Meter) {
    if let Ok(runtime) = Handle::try_current() {
        watch(meter, &runtime, "main");
    }
}

fn watch(meter: &Meter, runtime: &Handle, name: &str) {
    let gauge = |metric, unit, description, value: fn(&RuntimeMetrics) -> usize| {
        let runtime = runtime.metrics();
        let tags = [opentelemetry::KeyValue::new(
            "tokio.runtime.name",
            name.to_owned(),
        )];
        let counter = meter.i64_observable_up_down_counter(metric);
        counter
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |instrument| {
                let value = i64::try_from(value(&runtime)).unwrap_or(i64::MAX);
                instrument.observe(value, &tags);
            })
            .build();
    };
    gauge(
        "tokio.runtime.workers",
        "{thread}",
        "Worker threads of the runtime.",
        RuntimeMetrics::num_workers,
    );
    gauge(
        "tokio.runtime.alive_tasks",
        "{task}",
        "Tasks that were spawned and have not ended.",
        RuntimeMetrics::num_alive_tasks,
    );
    gauge(
        "tokio.runtime.global_queue_depth",
        "{task}",
        "Tasks in the runtime's global queue.",
        RuntimeMetrics::global_queue_depth,
    );
}

impl Highlight {
    /// Measures a tokio runtime: its workers, alive tasks and global queue, under the tag `tokio.runtime.name`. The one that `init`
    /// is called in is measured without asking, as `main`.
    ///
    /// # Examples
    ///
    /// ```
    /// # let highlight = highlight::Config::new("1").endpoint("http://127.0.0.1:1")
    /// #     .shutdown_timeout(std::time::Duration::from_millis(50)).start().unwrap();
    /// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// highlight.watch_runtime("jobs", runtime.handle());
    /// # assert_eq!(runtime.metrics().num_workers(), 1);
    /// ```
    pub fn watch_runtime(&self, name: &str, runtime: &Handle) {
        use opentelemetry::metrics::MeterProvider as _;
        let meter = self.0.meter_provider.meter_with_scope(self.0.scope.clone());
        watch(&meter, runtime, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::collected;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

    #[test]
    fn a_runtime_is_measured() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let task = runtime.spawn(std::future::pending::<()>());
        let metrics = collected(|meter| watch(meter, runtime.handle(), "jobs"));
        let shown: Vec<_> = metrics
            .iter()
            .map(|metric| {
                let Some(Data::Sum(sum)) = &metric.data else {
                    panic!("a sum expected: {metric:?}")
                };
                assert_eq!(sum.data_points[0].attributes[0].key, "tokio.runtime.name");
                (metric.name.as_str(), sum.data_points[0].value)
            })
            .collect();
        task.abort();
        let one = Some(Value::AsInt(1));
        assert_eq!(
            shown,
            [
                ("tokio.runtime.alive_tasks", one),
                ("tokio.runtime.global_queue_depth", one),
                ("tokio.runtime.workers", one),
            ]
        );
    }
}
