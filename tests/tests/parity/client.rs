//! A client that sends exactly what a row says.

use std::sync::Arc;
use std::time::Duration;

use highlight_tests::services::Running;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::table::{Row, Version};

/// What the client got; status 0 when that was nothing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

pub(crate) async fn send(service: &Running, row: &Row, started: &Arc<Notify>) -> Answer {
    match row.version {
        Version::Http10 => send_text(service, row, "1.0", started).await,
        Version::Http11 => send_text(service, row, "1.1", started).await,
        Version::Http2 => send_http2(service, row).await,
    }
}

async fn send_text(service: &Running, row: &Row, version: &str, started: &Notify) -> Answer {
    let mut socket = TcpStream::connect(service.address()).await.unwrap();
    let Row { method, target, .. } = row;
    let address = service.address();
    let mut request =
        format!("{method} {target} HTTP/{version}\r\nconnection: close\r\n").into_bytes();
    request.extend(format!("host: {address}\r\n").as_bytes());
    for (name, value) in row.headers {
        request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    socket.write_all(&request).await.unwrap();
    if row.hangs_up {
        let begun = tokio::time::timeout(Duration::from_secs(10), started.notified()).await;
        begun.expect("the handler begins");
        return Answer {
            status: 0,
            body: String::new(),
        };
    }
    let mut answer = Vec::new();
    // A stream that fails breaks the connection.
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    Answer {
        status: head.get(9..12).map_or(0, |status| status.parse().unwrap()),
        body: if is_chunked {
            dechunked(body)
        } else {
            body.to_owned()
        },
    }
}

/// The chunks that came, without their sizes.
fn dechunked(body: &str) -> String {
    let lines = body.split("\r\n").skip(1).step_by(2);
    lines.collect()
}

async fn send_http2(service: &Running, row: &Row) -> Answer {
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let mut request = client.get(service.url(row.target));
    for (name, value) in row.headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        body: response.text().await.unwrap(),
    }
}
