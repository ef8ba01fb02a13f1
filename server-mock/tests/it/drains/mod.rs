//! Log drains over real sockets into the embedded ClickHouse; each scenario has a project of its own.

mod firehose;
mod json;
mod refused;
mod vercel;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use crate::embedded::{SERVER, sql};

/// A request to a drain of the shared server.
fn post(path: &str, content_type: &str) -> RequestBuilder {
    let url = format!("{}{path}", SERVER.url());
    Client::new().post(url).header("content-type", content_type)
}

/// Sends a body, and tells the status and the answer, which is always JSON.
async fn send(request: RequestBuilder, body: impl Into<Vec<u8>>) -> (u16, Value) {
    let response = request.body(body.into()).send().await;
    told(response.expect("the server answers")).await
}

async fn told(response: Response) -> (u16, Value) {
    assert_eq!(response.headers()["content-type"], "application/json");
    let status = response.status().as_u16();
    let text = response.text().await.expect("the answer has a body");
    (
        status,
        serde_json::from_str(&text).expect("the answer is JSON"),
    )
}

/// The rows of a project, in the order in which they were sent: level, body, and what else there is.
fn rows(project: u32) -> String {
    sql(&format!(
        "SELECT concat(SeverityText, ' ', Body, \
            if(ServiceName = '', '', concat(' of ', ServiceName)), \
            if(SecureSessionId = '', '', concat(' in ', SecureSessionId)), \
            if(TraceId = '', '', concat(' at ', TraceId, '/', SpanId)), \
            if(empty(LogAttributes), '', concat(' ', toString(LogAttributes)))) \
        FROM logs WHERE ProjectId = {project} ORDER BY toString(UUID) FORMAT TSVRaw"
    ))
}
