//! Head sampling: which traces are recorded, decided where they begin.

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::error::Error;

/// What kind of work a span stands for, as in OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Inside a service.
    Internal,
    /// The handling of a request.
    Server,
    /// A request to another service.
    Client,
    /// A message sent.
    Producer,
    /// A message received.
    Consumer,
}

impl From<&SpanKind> for Kind {
    fn from(kind: &SpanKind) -> Self {
        match kind {
            SpanKind::Internal => Kind::Internal,
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
            SpanKind::Producer => Kind::Producer,
            SpanKind::Consumer => Kind::Consumer,
        }
    }
}

/// The rates, from the most particular to the general. A trace that began elsewhere follows the decision made there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sampling {
    /// By the name of the span that the trace begins with, such as `GET /health`.
    pub(crate) names: Vec<(String, f64)>,
    pub(crate) kinds: Vec<(Kind, f64)>,
    pub(crate) rate: Option<f64>,
    /// Decide anew for every span, whatever its parent: `OTEL_TRACES_SAMPLER` without `parentbased_`.
    pub(crate) ignores_parent: bool,
}

impl Sampling {
    /// No spans at all, wherever their traces began.
    pub(crate) fn none() -> Self {
        Sampling {
            rate: Some(0.0),
            ignores_parent: true,
            ..Sampling::default()
        }
    }

    /// The decision for a span that is about to begin.
    #[inline]
    pub(crate) fn takes(
        &self,
        parent: Option<&SpanContext>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
    ) -> bool {
        match parent {
            Some(parent) if !self.ignores_parent => parent.is_sampled(),
            _ => {
                let rate = self.rate_of(name, kind);
                rate >= 1.0 || falls_within(trace_id, rate)
            }
        }
    }

    #[inline]
    fn rate_of(&self, name: &str, kind: &SpanKind) -> f64 {
        if self.names.is_empty() && self.kinds.is_empty() {
            return self.rate.unwrap_or(1.0);
        }
        self.special_rate_of(name, kind)
    }

    #[cold]
    fn special_rate_of(&self, name: &str, kind: &SpanKind) -> f64 {
        let by_name = self.names.iter().find(|(known, _)| known == name);
        let by_kind = || self.kinds.iter().find(|(known, _)| *known == kind.into());
        by_name
            .map(|(_, rate)| *rate)
            .or_else(|| by_kind().map(|(_, rate)| *rate))
            .or(self.rate)
            .unwrap_or(1.0)
    }

    /// A rate must be a number from 0 to 1.
    ///
    /// # Errors
    /// One is not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let rates = self.names.iter().map(|(_, rate)| *rate);
        let rates = rates
            .chain(self.kinds.iter().map(|(_, rate)| *rate))
            .chain(self.rate);
        match rates.into_iter().find(|rate| !(0.0..=1.0).contains(rate)) {
            None => Ok(()),
            Some(rate) => Err(Error::InvalidSetting {
                setting: "sampling rate",
                given: rate.to_string(),
                reason: "give a number from 0 (none) to 1 (all)".to_owned(),
            }),
        }
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|context| context.span().span_context().clone());
        let parent = parent.filter(SpanContext::is_valid);
        let sampled = self.takes(parent.as_ref(), trace_id, name, kind);
        SamplingResult {
            decision: if sampled {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: parent
                .map(|parent| parent.trace_state().clone())
                .unwrap_or_default(),
        }
    }
}

/// As OpenTelemetry's own `TraceIdRatioBased`: services with the same rate decide alike.
fn falls_within(trace_id: TraceId, rate: f64) -> bool {
    const RANGE: f64 = 9_223_372_036_854_775_808.0; // 2^63
    let bytes = trace_id.to_bytes();
    let low = bytes[8..]
        .iter()
        .fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rate is from 0 to 1, and the cast saturates"
    )]
    let bound = (rate * RANGE) as u64;
    low >> 1 < bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(sampling: &Sampling, name: &str, kind: &SpanKind) -> usize {
        (1..=1_000_u64)
            .filter(|id| {
                let low = u128::from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let decision = sampling
                    .should_sample(None, TraceId::from(low), name, kind, &[], &[])
                    .decision;
                decision == SamplingDecision::RecordAndSample
            })
            .count()
    }

    #[test]
    fn name_wins_over_kind_which_wins_over_the_rate() {
        let sampling = Sampling {
            names: vec![("GET /health".to_owned(), 0.0)],
            kinds: vec![(Kind::Server, 1.0)],
            rate: Some(0.2),
            ignores_parent: false,
        };
        assert_eq!(share(&sampling, "GET /health", &SpanKind::Server), 0);
        assert_eq!(share(&sampling, "GET /", &SpanKind::Server), 1_000);
        let some = share(&sampling, "job", &SpanKind::Internal);
        assert!((150..250).contains(&some), "{some}");
        assert_eq!(
            share(&Sampling::default(), "job", &SpanKind::Internal),
            1_000
        );
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for rate in [-0.1, 1.1, f64::NAN] {
            let sampling = Sampling {
                rate: Some(rate),
                ..Sampling::default()
            };
            assert!(sampling.check().is_err(), "{rate}");
        }
    }
}
