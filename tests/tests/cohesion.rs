//! One visit through three services, as ClickHouse has it. Global to this binary: libchdb, which opens one data directory a process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::thread;

use actix_web::web;
use axum::Router;
use axum::routing::post;
use highlight::propagation::{Carrier, ReqwestMiddleware};
use highlight::{Guard, Highlight, in_current_context};
use highlight_tests::services::{self, Running};
use highlight_tests::support::{SESSION, config};
use reqwest_middleware::ClientBuilder;
use server_mock::{Clickhouse, MockServer};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing_subscriber::layer::SubscriberExt as _;

/// The browser's, in the request part of the header.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn clickhouse() -> MockServer {
    let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cohesion");
    let _ = std::fs::remove_dir_all(&data_dir);
    let clickhouse = Clickhouse::Embedded {
        data_dir,
        database: "cohesion".to_owned(),
    };
    let server = MockServer::builder().clickhouse(clickhouse).start();
    server.unwrap_or_else(|error| panic!("{error}"))
}

fn sdk(server: &MockServer, service: &str) -> Guard {
    // What a server says of its own start and stop belongs to nobody's visit.
    let config = config(server).filter("info,actix_server=off");
    config.service_name(service).start().unwrap()
}

/// The first service, for the browser: asks the second and leaves a task behind.
fn shop(highlight: &Highlight, stock: &Running) -> Running {
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(ReqwestMiddleware::new(highlight.clone()))
        .build();
    let stock = stock.url("/reserve/c-17");
    let checkout = async move || {
        tracing::info!("checkout started");
        let receipt = async { tracing::info!("receipt printed") };
        drop(tokio::spawn(in_current_context(receipt)));
        let reserved = client.post(stock).send().await.unwrap();
        reserved.text().await.unwrap()
    };
    services::axum(highlight, Router::new().route("/checkout", post(checkout)))
}

/// The second: does its part, and queues the rest.
fn stock(highlight: &Highlight, queue: UnboundedSender<String>) -> Running {
    let reserve = move |cart: web::Path<String>| {
        let queue = queue.clone();
        async move {
            tracing::info!(%cart, "reserved");
            let message = serde_json::to_string(&(cart.as_str(), Carrier::current()));
            queue.send(message.unwrap()).unwrap();
            "reserved"
        }
    };
    services::actix(highlight, 1, move |config| {
        config.route("/reserve/{cart}", web::post().to(reserve.clone()));
    })
}

/// The third: takes one message from the queue, and fails.
fn mailer(highlight: Highlight, mut queue: UnboundedReceiver<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let registry = tracing_subscriber::registry().with(highlight.layer());
        let _subscribed = tracing::subscriber::set_default(registry);
        let message = queue.blocking_recv().unwrap();
        let (cart, carrier): (String, Carrier) = serde_json::from_str(&message).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let job = async move {
            let _entered = tracing::info_span!("mail").entered();
            tracing::info!(cart, "mailing");
            highlight.capture_error(&std::io::Error::other("no such mailbox"));
        };
        runtime.block_on(async { tokio::spawn(carrier.run(job)).await.unwrap() });
    })
}

async fn visit(shop: &Running) {
    let request = reqwest::Client::new()
        .post(shop.url("/checkout"))
        .header("x-highlight-request", format!("{SESSION}/{TRACE}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "reserved");
}

#[tokio::test]
async fn every_row_of_a_visit_has_its_session_and_its_trace() {
    let server = clickhouse();
    let sdks = ["shop", "stock", "mailer"].map(|service| sdk(&server, service));
    let (queue, queued) = unbounded_channel();
    let mailer = mailer(sdks[2].handle(), queued);
    {
        let stock = stock(&sdks[1], queue);
        let shop = shop(&sdks[0], &stock);
        visit(&shop).await;
        mailer.join().unwrap();
    }
    for sdk in &sdks {
        sdk.flush().unwrap();
    }
    let ids = server.sql(
        "SELECT DISTINCT SecureSessionId, TraceId FROM (
             SELECT SecureSessionId, TraceId FROM logs
             UNION ALL SELECT SecureSessionId, TraceId FROM traces
             UNION ALL SELECT SecureSessionId, TraceId FROM errors)",
    );
    assert_eq!(ids.unwrap().trim(), format!("{SESSION}\t{TRACE}"));
    let spans = server.sql(
        "SELECT spans.ServiceName, spans.SpanKind, spans.SpanName, parents.SpanName
         FROM traces AS spans LEFT JOIN traces AS parents ON spans.ParentSpanId = parents.SpanId
         ORDER BY spans.ServiceName, spans.SpanKind, spans.SpanName FORMAT TSVRaw",
    );
    assert_eq!(
        spans.unwrap().trim_end(),
        "mailer\tInternal\thighlight.error\tmail\n\
         mailer\tInternal\tmail\tPOST /reserve/{cart}\n\
         shop\tClient\tPOST\tPOST /checkout\n\
         shop\tServer\tPOST /checkout\t\n\
         stock\tServer\tPOST /reserve/{cart}\tPOST"
    );
    let logs = server.sql(
        "SELECT logs.ServiceName, logs.Body, traces.SpanName FROM logs
         LEFT JOIN traces ON logs.SpanId = traces.SpanId
         ORDER BY logs.ServiceName, logs.Body FORMAT TSVRaw",
    );
    assert_eq!(
        logs.unwrap().trim_end(),
        "mailer\tmailing\tmail\n\
         mailer\tno such mailbox\thighlight.error\n\
         shop\tcheckout started\tPOST /checkout\n\
         shop\treceipt printed\tPOST /checkout\n\
         stock\treserved\tPOST /reserve/{cart}"
    );
    let errors = server.sql("SELECT ServiceName, Message FROM errors FORMAT TSVRaw");
    assert_eq!(errors.unwrap().trim_end(), "mailer\tno such mailbox");
}
