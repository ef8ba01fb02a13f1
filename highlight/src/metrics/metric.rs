//! One metric as it is sent, behind all instruments that have its name, unit and description.

use std::sync::Mutex;
use std::time::SystemTime;

use super::all_series::{AllSeries, Point};
use super::instrument::{Kind, Wanted};
use crate::export::buffer::lock;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Metric {
    kind: Kind,
    name: String,
    unit: String,
    description: String,
    pub(super) series: AllSeries,
    /// When the interval began; for an up-down counter, when it was made.
    start: Mutex<SystemTime>,
}

/// What a metric has come to.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) start: SystemTime,
    pub(crate) time: SystemTime,
    pub(crate) points: Vec<Point>,
}

impl Metric {
    pub(super) fn new(wanted: &Wanted<'_>) -> Self {
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Metric {
            kind: wanted.kind,
            name: wanted.name.to_owned(),
            unit: owned(wanted.unit),
            description: owned(wanted.description),
            series: AllSeries::new(wanted.kind, wanted.buckets),
            start: Mutex::new(SystemTime::now()),
        }
    }

    /// Whether an instrument measures it. As with OpenTelemetry's SDK, buckets tell no metrics apart, nor does the case of letters.
    pub(super) fn is_of(&self, wanted: &Wanted<'_>) -> bool {
        self.kind == wanted.kind
            && self.name.eq_ignore_ascii_case(wanted.name)
            && self.unit == wanted.unit.unwrap_or_default()
            && self.description == wanted.description.unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn unit(&self) -> &str {
        &self.unit
    }

    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// Takes what was measured since the last time.
    pub(crate) fn collect(&self) -> Collected<'_> {
        let time = SystemTime::now();
        let mut from = lock(&self.start);
        let start = *from;
        if self.kind != Kind::UpDownCounter {
            *from = time;
        }
        drop(from);
        Collected {
            metric: self,
            start,
            time,
            points: self.series.take(),
        }
    }
}
