//! A captured error that waits for the worker: all that is known of it is there, nothing of it is written yet.
//!
//! The caller of `capture_error` is handling a request that has just failed. What can be done later, it does not wait for: ids, the
//! encoding, the search for secrets, and the names of the stack's functions.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::TraceFlags;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceId, TraceState};

use super::deferred::{Gap, Place};
use super::log_record::unix_nanos;
use super::proto::Scalar;
use super::span::{self, ATTRIBUTES, Head};
use super::value;
use crate::capture::{BREADCRUMBS, ERROR_SPAN, ErrorReport};
use crate::context::Correlation;
use crate::ids;
use crate::scope::Scope;
use crate::scrub::Scrub;

/// What an error is tied to, as it was when the error was captured.
#[derive(Debug)]
pub(super) struct Moment {
    time: SystemTime,
    correlation: Correlation,
    /// Mostly there is nothing, which takes little room.
    memories: Option<Box<Memories>>,
}

/// What a scope had.
#[derive(Debug)]
struct Memories {
    tags: Option<Arc<Vec<(String, String)>>>,
    /// The logs that came before.
    recent: Option<Box<str>>,
}

impl Memories {
    fn of(scope: &Scope) -> Option<Box<Self>> {
        let tags = scope.tags();
        let recent = scope.recent().map(String::into_boxed_str);
        let has_some = tags.is_some() || recent.is_some();
        has_some.then(|| Box::new(Memories { tags, recent }))
    }

    fn size(&self) -> usize {
        let pairs = self.tags.iter().flat_map(|tags| tags.iter());
        let tags = pairs
            .map(|(key, value)| size_of::<(String, String)>() + key.capacity() + value.capacity());
        let recent = self.recent.as_ref().map_or(0, |recent| recent.len());
        size_of::<Self>() + tags.sum::<usize>() + recent
    }
}

impl Moment {
    #[inline]
    pub(super) fn now(correlation: Correlation) -> Self {
        let scope = correlation.ambient.used_scope();
        Moment {
            time: SystemTime::now(),
            memories: scope.and_then(Memories::of),
            correlation,
        }
    }

    /// The bytes that it has elsewhere. What it shares with others is counted as if it had it alone.
    #[inline]
    pub(super) fn size(&self) -> usize {
        let session = self.correlation.session();
        self.memories.as_ref().map_or(0, |memories| memories.size())
            + session.map_or(0, |session| session.secure_id().len())
    }

    /// Begins the span that an error of this moment becomes: all but its status and its event. Says its time. The first of the `ids` is
    /// for one without a trace.
    pub(super) fn open_span(
        &self,
        ids: (TraceId, SpanId),
        buf: &mut Vec<u8>,
        scrub: &Scrub,
    ) -> u64 {
        let correlation = &self.correlation;
        let (trace_id, span_id) = ids;
        let trace_id = if correlation.has_trace() {
            correlation.trace_id
        } else {
            trace_id
        };
        // Errors leave even when their trace is sampled out.
        let sampled = TraceFlags::SAMPLED;
        let context = SpanContext::new(trace_id, span_id, sampled, false, TraceState::NONE);
        let time = unix_nanos(self.time);
        let head = Head {
            context: &context,
            parent: correlation.span_id,
            parent_is_remote: false,
            name: ERROR_SPAN.as_bytes(),
            kind: &SpanKind::Internal,
            start: time,
            end: time,
        };
        head.write(buf);
        let mut attribute =
            |name, text| value::field(buf, ATTRIBUTES, name, Scalar::Str(text), scrub);
        if let Some(session) = correlation.session() {
            attribute("highlight.session_id", session.secure_id());
        }
        let tags = self.memories.iter().filter_map(|one| one.tags.as_deref());
        for (key, text) in tags.flatten() {
            attribute(key, text);
        }
        time
    }

    /// The logs that came before, as an attribute of its event. Mostly there is nothing, which takes no memory.
    pub(super) fn breadcrumbs(&self, scrub: &Scrub) -> Vec<u8> {
        let mut buf = Vec::new();
        if let Some(recent) = self.memories.as_ref().and_then(|one| one.recent.as_ref()) {
            let recent = Scalar::Str(recent);
            value::field(&mut buf, span::EVENT_ATTRIBUTES, BREADCRUMBS, recent, scrub);
        }
        buf
    }
}

/// A report, and what it is tied to.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(super) report: ErrorReport,
    pub(super) moment: Moment,
    /// Bytes of the budget that it holds.
    pub(super) held: usize,
}

impl Pending {
    pub(crate) fn new(report: ErrorReport, correlation: Correlation) -> Self {
        Pending {
            report,
            moment: Moment::now(correlation),
            held: 0,
        }
    }

    /// The bytes that it takes, which the byte budget counts.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.report.size() + self.moment.size()
    }

    /// The report as a finished span of its own, below the span it is tied to. It still lacks its stack.
    pub(crate) fn write(&self, buf: &mut Vec<u8>, scrub: &Scrub) -> Gap {
        let time = self.moment.open_span(ids::independent(), buf, scrub);
        span::write_error(buf, self.report.message(), scrub);
        let start = span::begin_exception(buf, time);
        self.report.write(buf, span::EVENT_ATTRIBUTES, scrub);
        buf.extend(self.moment.breadcrumbs(scrub));
        let place = Place::Event {
            bytes: buf.split_off(start),
            field: span::EVENTS,
            attributes: span::EVENT_ATTRIBUTES,
        };
        self.report.gap(place, scrub, self.report.is_located())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::capture_with;
    use crate::{Config, User, set_tag, set_user, with_scope};

    #[test]
    fn what_waits_is_counted_with_all_that_it_has() {
        let report = || ErrorReport::without_stack(&std::fmt::Error);
        let plain = Pending::new(report(), Correlation::default()).size();
        assert!(plain > size_of::<Pending>());
        let long = report().with_message("x".repeat(1_000));
        let long = Pending::new(long, Correlation::default()).size();
        assert!((900..1_200).contains(&(long - plain)), "{plain} {long}");
        let marked = report().with_attribute("cart", "c".repeat(1_000));
        let marked = Pending::new(marked, Correlation::default()).size();
        assert!(
            (1_000..1_300).contains(&(marked - plain)),
            "{plain} {marked}"
        );
    }

    #[test]
    fn an_error_has_the_tags_and_logs_of_its_moment() {
        let config = Config::default().breadcrumbs(5);
        let sent = capture_with(config, || {
            let work = with_scope(async {
                set_user(User::new("u-1"));
                tracing::info!("before");
                crate::capture_error(&std::io::Error::other("first"));
                set_user(User::new("u-2"));
                set_tag("plan", "gold");
                tracing::info!("after");
                crate::capture_error(&std::io::Error::other("second"));
            });
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(work);
        });
        let seen: Vec<_> = sent
            .errors()
            .iter()
            .map(|error| {
                let of = |name| error.attribute(name).unwrap_or_default().to_owned();
                (of("user.id"), of("plan"), of(BREADCRUMBS))
            })
            .collect();
        let expected = |user: &str, plan: &str, recent: &str| {
            (user.to_owned(), plan.to_owned(), recent.to_owned())
        };
        assert_eq!(
            seen,
            [
                expected("u-1", "", "info before"),
                expected("u-2", "gold", "info before\ninfo after"),
            ]
        );
    }
}
