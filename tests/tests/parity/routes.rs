//! The same routes in both frameworks.

use std::io;
use std::num::ParseIntError;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::Notify;

fn amount() -> Result<u32, ParseIntError> {
    "twelve".parse()
}

fn taken() -> io::Error {
    io::Error::other("already paid")
}

fn parts<B: From<&'static str>>() -> impl Stream<Item = Result<B, io::Error>> + Send {
    stream::unfold(0, async |at| {
        tokio::task::yield_now().await;
        tracing::info!("part {at}");
        (at < 2).then(|| (Ok(B::from("x")), at + 1))
    })
}

fn broken<B: From<&'static str> + Send>() -> impl Stream<Item = Result<B, io::Error>> + Send {
    stream::iter([Ok(B::from("x")), Err(io::Error::other("disk"))])
}

/// One part, and no end.
fn endless<B: From<&'static str>>(
    started: Arc<Notify>,
) -> impl Stream<Item = Result<B, io::Error>> + Send {
    stream::unfold(false, move |has_begun| {
        let started = Arc::clone(&started);
        async move {
            if has_begun {
                started.notify_one();
                std::future::pending::<()>().await;
            }
            Some((Ok(B::from("x")), true))
        }
    })
}

pub(crate) fn axum(started: &Arc<Notify>) -> axum::Router {
    use axum::body::{Body, Bytes};
    use axum::http::StatusCode;
    use axum::routing::get;
    use highlight_axum::HandlerError;

    async fn fails() -> Result<String, HandlerError> {
        Ok(amount()?.to_string())
    }
    async fn panics() -> &'static str {
        panic!("out of beans")
    }
    let started = Arc::clone(started);
    let here = Arc::clone(&started);
    let streams_on = async move || Body::from_stream(endless::<Bytes>(here));
    let hangs = async move || {
        started.notify_one();
        std::future::pending::<()>().await;
    };
    let pays = async || {
        tracing::info!("paid");
        "paid"
    };
    axum::Router::new()
        .route("/pay/{id}", get(pays))
        .route("/fails", get(fails))
        .route(
            "/busy",
            get(async || (StatusCode::SERVICE_UNAVAILABLE, "busy")),
        )
        .route(
            "/refuses",
            get(async || HandlerError::new(StatusCode::CONFLICT, &taken())),
        )
        .route("/panics", get(panics))
        .route("/hangs", get(hangs))
        .route("/endless", get(streams_on))
        .route("/stream", get(async || Body::from_stream(parts::<Bytes>())))
        .route(
            "/broken",
            get(async || Body::from_stream(broken::<Bytes>())),
        )
        .route("/nothing", get(async || StatusCode::NO_CONTENT))
}

pub(crate) fn actix(
    started: &Arc<Notify>,
) -> impl Fn(&mut actix_web::web::ServiceConfig) + Clone + Send + 'static {
    use actix_web::http::StatusCode;
    use actix_web::web::{Bytes, ServiceConfig, get, head, resource};
    use actix_web::{HttpResponse, Responder};
    use highlight_actix::HandlerError;

    async fn fails() -> Result<String, HandlerError> {
        Ok(amount()?.to_string())
    }
    async fn refuses() -> Result<String, HandlerError> {
        Err(HandlerError::new(StatusCode::CONFLICT, &taken()))
    }
    async fn panics() -> &'static str {
        panic!("out of beans")
    }
    async fn pays() -> impl Responder {
        tracing::info!("paid");
        "paid"
    }
    async fn busy() -> impl Responder {
        HttpResponse::ServiceUnavailable().body("busy")
    }
    async fn streams() -> impl Responder {
        HttpResponse::Ok().streaming(Box::pin(parts::<Bytes>()))
    }
    async fn breaks() -> impl Responder {
        HttpResponse::Ok().streaming(broken::<Bytes>())
    }
    async fn nothing() -> impl Responder {
        HttpResponse::NoContent().finish()
    }
    let started = Arc::clone(started);
    move |config: &mut ServiceConfig| {
        let here = Arc::clone(&started);
        let hangs = move || {
            let started = Arc::clone(&here);
            async move {
                started.notify_one();
                std::future::pending::<()>().await;
                ""
            }
        };
        let here = Arc::clone(&started);
        let streams_on = move || {
            let parts = endless::<Bytes>(Arc::clone(&here));
            async { HttpResponse::Ok().streaming(Box::pin(parts)) }
        };
        // actix-web answers 405 only for a resource, and HEAD only where it is asked to; axum always does both.
        let pay = resource("/pay/{id}")
            .route(get().to(pays))
            .route(head().to(pays));
        config
            .service(pay)
            .route("/fails", get().to(fails))
            .route("/busy", get().to(busy))
            .route("/refuses", get().to(refuses))
            .route("/panics", get().to(panics))
            .route("/hangs", get().to(hangs))
            .route("/stream", get().to(streams))
            .route("/endless", get().to(streams_on))
            .route("/broken", get().to(breaks))
            .route("/nothing", get().to(nothing));
    }
}
