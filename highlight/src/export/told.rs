//! What is the same of an error whenever it comes again, written once.

use super::deferred::Place;
use super::pending::Moment;
use super::span;
use super::stacks::Stacks;
use crate::capture::ErrorReport;
use crate::scrub::Scrub;

/// Parts of the span that an error becomes, as they are sent.
#[derive(Debug)]
pub(super) struct Told {
    /// The span's status.
    status: Vec<u8>,
    /// The attributes of its exception event.
    exception: Vec<u8>,
    /// Bytes of those before the stack's.
    without_stack: usize,
}

impl Told {
    pub(super) fn of(report: &ErrorReport, stacks: &mut Stacks, scrub: &Scrub) -> Self {
        let mut status = Vec::new();
        span::write_error(&mut status, report.message(), scrub);
        let mut exception = Vec::new();
        report.write(&mut exception, span::EVENT_ATTRIBUTES, scrub);
        let without_stack = exception.len();
        let place = Place::Record {
            attributes: span::EVENT_ATTRIBUTES,
        };
        let gap = report.gap(place, scrub, report.is_located());
        stacks.write(&gap, &mut exception, span::EVENT_ATTRIBUTES);
        Told {
            status,
            exception,
            without_stack,
        }
    }

    /// Writes the whole span of such an error of that moment.
    pub(super) fn write(&self, moment: &Moment, buf: &mut Vec<u8>, scrub: &Scrub) {
        self.put(&self.exception, moment, buf, scrub);
    }

    /// The same without the stack.
    pub(super) fn bare(&self, moment: &Moment, scrub: &Scrub) -> Vec<u8> {
        let mut buf = Vec::new();
        let exception = &self.exception[..self.without_stack];
        self.put(exception, moment, &mut buf, scrub);
        buf
    }

    fn put(&self, exception: &[u8], moment: &Moment, buf: &mut Vec<u8>, scrub: &Scrub) {
        buf.clear();
        let time = moment.open_span(buf, scrub);
        buf.extend_from_slice(&self.status);
        span::write_exception(buf, time, exception, &moment.breadcrumbs(scrub));
    }

    /// Memory behind it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.status.capacity() + self.exception.capacity()
    }
}
