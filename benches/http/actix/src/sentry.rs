//! actix-web with `sentry-actix`: a hub and a transaction for each request.

fn main() {
    http_actix::run!(peer_sentry::start, sentry_actix::Sentry::with_transaction());
}
