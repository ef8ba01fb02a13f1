//! Whose logs a request brings: the project and the service that its query or its headers name.

use std::fmt::Display;

use axum::http::StatusCode;
use axum::http::request::Parts;
use url::form_urlencoded;

use crate::body::Refusal;
use crate::endpoint::{Sent, text};
use crate::extract::{Arrival, Drained, Extracted};
use crate::wire::{Pair, Value};

/// The longest name of a service, in bytes: every row of its request repeats it.
const LONGEST_SERVICE: usize = 1_024;

/// The project and the service; what is not named is empty.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) project: String,
    pub(super) service: String,
}

impl Origin {
    /// As the query says, or else the headers.
    pub(super) fn of(head: &Parts) -> Self {
        let named = |parameter, header| {
            let header = || text(&head.headers, header).unwrap_or_default().to_owned();
            query(head, parameter).unwrap_or_else(header)
        };
        Self {
            project: named("project", "x-highlight-project"),
            service: named("service", "x-highlight-service"),
        }
    }

    /// What takes the request's records.
    pub(super) fn intake<'a>(
        &'a self,
        sent: &Sent<'_>,
        extracted: &'a mut Extracted,
    ) -> Result<Intake<'a>, Refusal> {
        if self.service.len() > LONGEST_SERVICE {
            let reason = format!("the service's name is longer than {LONGEST_SERVICE} bytes");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
        }
        let project = Some(&*self.project).filter(|project| !project.is_empty());
        Ok(Intake {
            arrival: Arrival::new(sent.received_ns, project),
            service: &self.service,
            extracted,
        })
    }
}

/// The service's name, as an attribute.
pub(super) fn service(name: &str) -> Pair<'_> {
    Pair {
        key: "service.name",
        value: Value::Text(name),
    }
}

/// A parameter of the query, unless it is empty.
pub(super) fn query(head: &Parts, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(head.uri.query()?.as_bytes());
    let found = pairs.find(|(key, value)| key == name && !value.is_empty());
    found.map(|(_, value)| value.into_owned())
}

/// Takes the records of a request, one after another.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    arrival: Arrival<'a>,
    service: &'a str,
    extracted: &'a mut Extracted,
}

impl<'a> Intake<'a> {
    /// Takes a record that is at this place in the request, or counts why it is none.
    pub(super) fn take<'r>(&mut self, place: impl Display, record: Result<Drained<'r>, String>)
    where
        'a: 'r,
    {
        let mut record = record;
        if let Ok(record) = &mut record
            && !self.service.is_empty()
        {
            record.given.push(service(self.service));
        }
        self.extracted.take(record, place, &self.arrival);
    }

    /// Refuses a request that had records of which none could be taken: its sender should learn that all are lost.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let rejected = self.extracted.rejected.count();
        if rejected > 0 && usize::try_from(rejected) == Ok(self.extracted.records) {
            let reason = format!("nothing was taken: {}", self.extracted.rejected.message());
            return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
        }
        Ok(())
    }
}
