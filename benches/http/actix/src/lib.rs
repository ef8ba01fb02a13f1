//! A service on actix-web with one route, whose handler logs one line.

use actix_web::web::Path;

/// The route's path.
pub const ROUTE: &str = "/orders/{id}";

/// The route's handler.
pub async fn order(id: Path<u64>) -> &'static str {
    tracing::info!(
        cart = "c-17",
        total = 12.5,
        items = id.into_inner(),
        paid = true,
        "order placed"
    );
    "placed"
}

/// Serves on one thread, with an SDK and, around the app, its middleware, until stdin ends.
#[macro_export]
macro_rules! run {
    ($start:expr $(, $middleware:expr)*) => {{
        let peer = $start(&harness::endpoint());
        let serving = async {
            let app = || actix_web::App::new()$(.wrap($middleware))*.route($crate::ROUTE, actix_web::web::get().to($crate::order));
            let server = actix_web::HttpServer::new(app).workers(1).bind("127.0.0.1:0").expect("a free port");
            harness::answer(peer, server.addrs()[0]);
            server.run().await.expect("it serves until stdin ends");
        };
        actix_web::rt::System::new().block_on(serving);
    }};
}
