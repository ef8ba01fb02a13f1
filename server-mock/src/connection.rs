//! Accepts connections, serves each until it closes, and can end one without an answer.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// How long requests under way may take to finish once the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abort;

impl Abort {
    pub(crate) fn response() -> Response {
        let mut response = ().into_response();
        response.extensions_mut().insert(Self);
        response
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Abort {}

/// Serves `router` on `listener` until `stopping` turns true; a panic in a handler goes on in the caller.
pub(crate) async fn serve(listener: TcpListener, router: Router, stopping: watch::Receiver<bool>) {
    let mut stop = stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => break,
            Some(ended) = connections.join_next() => resume(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), stopping.clone()));
                }
                // Out of file descriptors, most likely: give the open connections time to close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let rest = async {
        while let Some(ended) = connections.join_next().await {
            resume(ended);
        }
    };
    let _ = tokio::time::timeout(GRACE, rest).await;
}

fn resume(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

async fn connection(stream: TcpStream, router: Router, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(mut router: Router, request: Request<Incoming>) -> Result<Response, Abort> {
    let answered: Result<Response, Infallible> = router.call(request.map(Body::new)).await;
    let Ok(response) = answered;
    if response.extensions().get::<Abort>().is_some() {
        Err(Abort)
    } else {
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::task::LocalSet;

    use super::*;

    async fn panics() {
        panic!("on purpose");
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_goes_on_in_the_caller() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.writable().await.unwrap();
        client
            .try_write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        let router = Router::new().route("/", get(panics));
        let (_stop, stopping) = watch::channel(false);
        let local = LocalSet::new();
        let server = local.spawn_local(serve(listener, router, stopping));
        let panic = local.run_until(server).await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    }
}
