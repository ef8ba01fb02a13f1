//! One table of exchanges through both frameworks, which must make the same of them. Global to this binary: nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "parity/client.rs"]
mod client;
#[path = "parity/render.rs"]
mod render;
#[path = "parity/routes.rs"]
mod routes;
#[path = "parity/table.rs"]
mod table;

use std::sync::Arc;

use highlight_tests::services::{self, Running};
use highlight_tests::support::Pipeline;
use tokio::sync::Notify;

use client::Answer;
use table::{Row, TABLE};

#[derive(Debug, Clone, Copy)]
enum Framework {
    Axum,
    Actix,
}

impl Framework {
    fn serve(self, pipeline: &Pipeline, started: &Arc<Notify>) -> Running {
        match self {
            Framework::Axum => services::axum(&pipeline.highlight, routes::axum(started)),
            Framework::Actix => services::actix(&pipeline.highlight, 1, routes::actix(started)),
        }
    }
}

/// One exchange: what the client sees and what arrives at the server of the SDK.
async fn exchange(framework: Framework, row: &Row) -> String {
    let pipeline = Pipeline::with(|config| config.filter("info").trust_forwarded(row.is_trusting));
    let started = Arc::new(Notify::new());
    let service = framework.serve(&pipeline, &started);
    let answer = client::send(&service, row, &started).await;
    pipeline
        .server
        .wait_for(|received| received.spans.iter().any(|span| span.kind == "Server"))
        .await;
    let received = pipeline.received();
    let Answer { status, body } = &answer;
    let port = service.address().port();
    format!(
        "answer {status} {body:?}\n{}",
        render::received(&received, port)
    )
}

#[tokio::test]
async fn both_frameworks_make_the_same_of_an_exchange() {
    let mut wrong = Vec::new();
    for row in TABLE {
        for framework in [Framework::Axum, Framework::Actix] {
            let seen = exchange(framework, row).await;
            let expected = render::unindented(row.expected);
            if seen.trim() != expected.trim() {
                let name = row.name;
                wrong.push(format!(
                    "--- {name} ({framework:?}), expected:\n{expected}\nbut got:\n{seen}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
