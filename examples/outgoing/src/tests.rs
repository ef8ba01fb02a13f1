//! One visit through both services. Global to this binary: the SDK.

use server_mock::MockServer;
use tokio::net::TcpListener;

const SESSION: &str = "tQvAFnSUyC6cnZ8dxbkKJ1YVWh2q";

#[tokio::test]
async fn the_session_and_the_trace_reach_the_other_service() {
    let server = MockServer::start();
    let highlight = highlight::Config::new("1jdkoe52")
        .endpoint(server.url())
        .filter("info")
        .init()
        .unwrap();
    let stock = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stock", stock.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(stock, crate::stock_service()).await });
    let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = shop.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(shop, crate::shop(url)).await });

    let request = reqwest::Client::new()
        .get(format!("http://{address}/buy"))
        .header("x-highlight-request", SESSION);
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "yours; 7 left\n");

    highlight.flush().unwrap();
    let received = server.received();
    let mut names: Vec<_> = received
        .spans
        .iter()
        .map(|span| span.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["GET", "GET /buy", "GET /stock"]);
    let trace = &received.spans[0].trace_id;
    for span in &received.spans {
        assert_eq!(
            (&span.trace_id, span.secure_session_id.as_str()),
            (trace, SESSION)
        );
    }
    for log in &received.logs {
        assert_eq!(
            (&log.trace_id, log.secure_session_id.as_str()),
            (trace, SESSION)
        );
    }
    assert_eq!(received.logs.len(), 2, "{received}");
}
