//! Services of both frameworks on real sockets, each with an SDK of its own and a thread of its own.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use axum::Router;
use highlight::Highlight;
use tokio::sync::oneshot;
use tracing_subscriber::layer::SubscriberExt as _;

/// A service until it is dropped.
pub struct Running {
    address: SocketAddr,
    stop: Option<Box<dyn FnOnce() + Send>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.address)
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Serves with axum, under our layer.
///
/// # Panics
/// There is no free port.
#[must_use]
pub fn axum(highlight: &Highlight, routes: Router) -> Running {
    let listener = listen();
    let address = listener.local_addr().expect("a bound address");
    let highlight = highlight.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        let _subscribed = subscribe(&highlight);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            listener.set_nonblocking(true).expect("a socket");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            let app = routes.layer(highlight_axum::HighlightLayer::new(highlight));
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::select! {
                served = axum::serve(listener, app) => served.expect("it serves"),
                _ = stopped => {}
            }
        });
    });
    Running {
        address,
        stop: Some(Box::new(|| drop(stop))),
        thread: Some(thread),
    }
}

/// Serves with actix-web, under our middleware, on so many threads.
///
/// # Panics
/// There is no free port.
#[must_use]
pub fn actix(
    highlight: &Highlight,
    threads: usize,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> Running {
    let listener = listen();
    let address = listener.local_addr().expect("a bound address");
    let highlight = highlight.clone();
    let (starting, started) = mpsc::channel();
    let thread = thread::spawn(move || {
        let serve = async {
            let server = HttpServer::new(move || {
                // Each of the server's threads makes its own app.
                std::mem::forget(subscribe(&highlight));
                App::new()
                    .configure(routes.clone())
                    .wrap(highlight_actix::HighlightMiddleware::new(highlight.clone()))
            });
            let server = server
                .workers(threads)
                .disable_signals()
                .h1_allow_half_closed(false)
                .listen_auto_h2c(listener)
                .expect("it listens")
                .run();
            starting.send(server.handle()).expect("somebody waits");
            server.await.expect("it serves");
        };
        actix_web::rt::System::new().block_on(serve);
    });
    let server = started.recv().expect("it starts");
    Running {
        address,
        stop: Some(Box::new(move || drop(server.stop(false)))),
        thread: Some(thread),
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

fn subscribe(highlight: &Highlight) -> tracing::subscriber::DefaultGuard {
    let registry = tracing_subscriber::registry().with(highlight.layer());
    tracing::subscriber::set_default(registry)
}
