//! What is inside of the middleware: called with the first poll, so that the span is entered once for both.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{Service, ServiceRequest};
use pin_project_lite::pin_project;

pin_project! {
    /// The handling of a request by a service, which is called when this is polled first.
    #[must_use = "futures do nothing unless polled"]
    pub struct Handling<S>
    where
        S: Service<ServiceRequest>,
    {
        // None once it was called.
        asked: Option<(Rc<S>, ServiceRequest)>,
        #[pin]
        running: Option<S::Future>,
    }
}

impl<S: Service<ServiceRequest>> Handling<S> {
    pub(crate) fn new(service: &Rc<S>, request: ServiceRequest) -> Self {
        Handling {
            asked: Some((Rc::clone(service), request)),
            running: None,
        }
    }
}

impl<S: Service<ServiceRequest>> Future for Handling<S> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some((service, request)) = this.asked.take() {
            this.running.set(Some(service.call(request)));
        }
        let running = this.running.as_pin_mut();
        // Nobody polls it again when the call has panicked.
        running.map_or(Poll::Pending, |running| running.poll(cx))
    }
}

impl<S: Service<ServiceRequest>> fmt::Debug for Handling<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_called = self.asked.is_none();
        f.debug_struct("Handling")
            .field("is_called", &is_called)
            .finish_non_exhaustive()
    }
}
