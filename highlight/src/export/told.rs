//! What is the same of an error whenever it comes again, written once.

use std::sync::Arc;

use super::chunk::Record;
use super::deferred::Place;
use super::gzip::Tail;
use super::pending::Moment;
use super::span;
use super::stacks::Stacks;
use crate::capture::ErrorReport;
use crate::ids;
use crate::scrub::Scrub;

/// Parts of the span that an error becomes, as they are sent.
#[derive(Debug)]
pub(super) struct Told {
    /// The span's status.
    status: Vec<u8>,
    /// The attributes of its exception event.
    exception: Exception,
    /// Bytes of those before the stack's.
    without_stack: usize,
}

#[derive(Debug)]
enum Exception {
    /// Of one that is not known to come again.
    Once(Vec<u8>),
    Again(Arc<Tail>),
}

impl Exception {
    fn bytes(&self) -> &[u8] {
        match self {
            Exception::Once(bytes) => bytes,
            Exception::Again(tail) => tail.bytes(),
        }
    }
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
            exception: Exception::Once(exception),
            without_stack,
        }
    }

    /// It comes again, and its exception is to be in memory once.
    pub(super) fn share(&mut self) {
        self.exception = Exception::Again(Arc::new(Tail::new(self.exception.bytes())));
    }

    /// Writes the span of such an error of that moment.
    pub(super) fn write<'a>(
        &'a self,
        moment: &Moment,
        buf: &'a mut Vec<u8>,
        scrub: &Scrub,
    ) -> Record<'a> {
        let (here, tail) = match &self.exception {
            Exception::Once(bytes) => (&bytes[..], None),
            Exception::Again(tail) => (&[][..], Some(tail)),
        };
        let following = tail.map_or(0, |tail| tail.bytes().len());
        self.put(moment, here, following, buf, scrub);
        Record { bytes: buf, tail }
    }

    /// The same without the stack.
    pub(super) fn bare(&self, moment: &Moment, scrub: &Scrub) -> Vec<u8> {
        let mut buf = Vec::new();
        let exception = &self.exception.bytes()[..self.without_stack];
        self.put(moment, exception, 0, &mut buf, scrub);
        buf
    }

    fn put(
        &self,
        moment: &Moment,
        exception: &[u8],
        following: usize,
        buf: &mut Vec<u8>,
        scrub: &Scrub,
    ) {
        buf.clear();
        let time = moment.open_span(ids::random(), buf, scrub);
        buf.extend_from_slice(&self.status);
        let breadcrumbs = moment.breadcrumbs(scrub);
        span::write_exception(buf, time, [&breadcrumbs, exception], following);
    }

    /// What is written of it.
    #[cfg(test)]
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.status, self.exception.bytes()]
    }

    /// Memory behind it, in bytes.
    pub(super) fn size(&self) -> usize {
        let exception = match &self.exception {
            Exception::Once(bytes) => bytes.capacity(),
            Exception::Again(tail) => tail.size(),
        };
        self.status.capacity() + exception
    }
}
