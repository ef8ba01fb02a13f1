//! What the process takes of its machine, read from Linux's `/proc`; elsewhere nothing is measured.
//!
//! Names are the semantic conventions' (<https://opentelemetry.io/docs/specs/semconv/system/process-metrics/>).

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

/// Makes the instruments.
pub(crate) fn watch(meter: &Meter) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let cpu = meter.f64_observable_counter("process.cpu.time");
    cpu.with_unit("s")
        .with_description("Total CPU seconds broken down by different CPU modes.")
        .with_callback(|instrument| {
            if let Some((user, system)) = cpu_seconds(&read("stat")) {
                instrument.observe(user, &[KeyValue::new("cpu.mode", "user")]);
                instrument.observe(system, &[KeyValue::new("cpu.mode", "system")]);
            }
        })
        .build();
    let of_status = |name, unit, description, field, factor: i64| {
        let counter = meter.i64_observable_up_down_counter(name);
        counter
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |instrument| {
                if let Some(value) = status(&read("status"), field) {
                    instrument.observe(value.saturating_mul(factor), &[]);
                }
            })
            .build();
    };
    let memory = "The amount of physical memory in use.";
    of_status("process.memory.usage", "By", memory, "VmRSS:", 1_024);
    let memory = "The amount of committed virtual memory.";
    of_status("process.memory.virtual", "By", memory, "VmSize:", 1_024);
    let threads = "Process threads count.";
    of_status("process.thread.count", "{thread}", threads, "Threads:", 1);
    let files = meter.i64_observable_up_down_counter("process.unix.file_descriptor.count");
    files
        .with_unit("{file_descriptor}")
        .with_description("Number of unix file descriptors in use by the process.")
        .with_callback(|instrument| {
            if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
                // One of them is this directory.
                let open = open.count().saturating_sub(1);
                instrument.observe(i64::try_from(open).unwrap_or(i64::MAX), &[]);
            }
        })
        .build();
}

fn read(file: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default()
}

/// Processor time in user and system mode, in seconds, of `/proc/self/stat`.
fn cpu_seconds(stat: &str) -> Option<(f64, f64)> {
    /// Linux tells programs 100 per second, whatever it counts itself, on every architecture that Rust's standard library runs on.
    const TICKS_PER_SECOND: f64 = 100.0;
    // The program's name, in parentheses, may have spaces and parentheses in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let mut seconds = || Some(ticks.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some((seconds()?, seconds()?))
}

/// The number of a field of `/proc/self/status`.
fn status(status: &str, field: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::collected;

    #[test]
    fn fields_are_found_whatever_the_program_is_called() {
        let stat = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 20 0 9 0 100 1000 200 18446744073709551615";
        assert_eq!(cpu_seconds(stat), Some((2.5, 0.5)));
        let text = "Name:\tx\nVmRSS:\t  12 kB\nThreads:\t3\n";
        assert_eq!(status(text, "VmRSS:"), Some(12));
        assert_eq!(status(text, "Threads:"), Some(3));
        for broken in ["", "7 (x", "7 (x) S 1"] {
            assert_eq!(cpu_seconds(broken), None, "{broken:?}");
            assert_eq!(status(broken, "VmRSS:"), None, "{broken:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_measured() {
        use opentelemetry_proto::tonic::metrics::v1::metric::Data;
        use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
        let metrics = collected(watch);
        let shown: Vec<_> = metrics
            .iter()
            .map(|metric| (metric.name.as_str(), metric.unit.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("process.cpu.time", "s"),
                ("process.memory.usage", "By"),
                ("process.memory.virtual", "By"),
                ("process.thread.count", "{thread}"),
                ("process.unix.file_descriptor.count", "{file_descriptor}"),
            ]
        );
        for metric in &metrics[1..] {
            let Some(Data::Sum(sum)) = &metric.data else {
                panic!("a sum expected: {metric:?}")
            };
            assert!((sum.aggregation_temporality, sum.is_monotonic) == (2, false));
            let Some(Value::AsInt(value)) = sum.data_points[0].value else {
                panic!("a whole number expected: {metric:?}")
            };
            assert!(value > 0, "{metric:?}");
        }
    }
}
