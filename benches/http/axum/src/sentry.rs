//! axum with `sentry-tower`: a hub and a transaction for each request.

use axum::body::Body;
use axum::http::Request;
use sentry_tower::{NewSentryLayer, SentryHttpLayer};

fn main() {
    http_axum::run(peer_sentry::start, |app| {
        app.layer(SentryHttpLayer::new().enable_transaction())
            .layer(NewSentryLayer::<Request<Body>>::new_from_top())
    });
}
