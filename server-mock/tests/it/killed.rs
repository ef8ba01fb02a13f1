//! The program dies in the middle of inserting: what it had acknowledged is there when it is started again.

use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::binary::Program;
use crate::support::{log, logs, post};

const SENDERS: usize = 8;
const ROWS: usize = 200;

/// Sends requests until one is not acknowledged; tells of each that is.
async fn send(endpoint: String, sender: usize, acknowledged: mpsc::UnboundedSender<String>) {
    for at in 0.. {
        let body = format!("request-{sender}-{at}");
        let request = logs(vec![log(&body, "info", &[]); ROWS]);
        let answer = post(&endpoint, "/v1/logs").body(request.encode_to_vec());
        match answer.send().await {
            Ok(answer) if answer.status().is_success() => {
                let _ = acknowledged.send(body);
            }
            _ => return,
        }
    }
}

#[tokio::test]
async fn an_acknowledged_row_is_there_after_a_kill_in_mid_insert() {
    let data = TempDir::new().unwrap();
    let arguments = ["--sql", "127.0.0.1:0"];
    let program = Program::start(&arguments, data.path());
    let (acknowledged, mut heard) = mpsc::unbounded_channel();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let send = send(program.http.clone(), sender, acknowledged.clone());
            tokio::spawn(send)
        })
        .collect();
    drop(acknowledged);
    let mut bodies = Vec::new();
    while bodies.len() < 3 * SENDERS {
        bodies.push(heard.recv().await.expect("requests are acknowledged"));
    }
    assert_eq!(program.stop("-KILL"), None);
    // What was acknowledged until the very end counts too.
    while let Some(body) = heard.recv().await {
        bodies.push(body);
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let program = Program::start(&arguments, data.path());
    let query = format!(
        "{}/?query=SELECT+Body,count()+FROM+logs+GROUP+BY+Body",
        program.sql.as_deref().unwrap()
    );
    let answer = reqwest::get(query).await.unwrap().text().await.unwrap();
    let stored: std::collections::HashSet<_> = answer.lines().collect();
    for body in bodies {
        let line = format!("{body}\t{ROWS}");
        assert!(
            stored.contains(line.as_str()),
            "{body} is missing:\n{answer}"
        );
    }
    assert_eq!(program.stop("-TERM"), Some(0));
}
