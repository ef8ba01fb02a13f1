//! A client that saturates: keep-alive connections, each with the next request as soon as the last one was answered.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::requests::Requests;

/// A measurement ends here when its requests have not.
const LONGEST: Duration = Duration::from_millis(1_200);

/// Sends requests until there are none left or the time is up; returns the rows acknowledged and the time it took.
pub fn send(address: &str, requests: &Requests, clients: usize) -> (u64, Duration) {
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let acknowledged: u64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| one(address, requests, &next, started)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client does not panic"))
            .sum()
    });
    (acknowledged * requests.records as u64, started.elapsed())
}

/// One connection's work; returns how many of its requests were acknowledged.
fn one(address: &str, requests: &Requests, next: &AtomicUsize, started: Instant) -> u64 {
    let connection = TcpStream::connect(address).expect("the server listens");
    connection
        .set_nodelay(true)
        .expect("a socket has the option");
    let mut answers = BufReader::new(connection.try_clone().expect("a socket can be shared"));
    let mut acknowledged = 0;
    while started.elapsed() < LONGEST {
        let at = next.fetch_add(1, Relaxed);
        let Some(body) = requests.bodies.get(at) else {
            break;
        };
        let encoding = if requests.gzip {
            "content-encoding: gzip\r\n"
        } else {
            ""
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-protobuf\r\n{encoding}\
             x-highlight-batch: {at:032x}\r\ncontent-length: {}\r\n\r\n",
            requests.signal.path(),
            body.len()
        );
        (&connection)
            .write_all(head.as_bytes())
            .expect("the server reads");
        (&connection).write_all(body).expect("the server reads");
        assert_eq!(
            answer(&mut answers),
            ("HTTP/1.1 200 OK".to_owned(), Vec::new()),
            "no partial success, no refusal"
        );
        acknowledged += 1;
    }
    acknowledged
}

/// The status line and the body of the next answer.
pub fn answer(answers: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut line = || {
        let mut line = String::new();
        answers.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    };
    let status = line();
    let mut length = 0;
    loop {
        let header = line().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length is a number");
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).expect("the answer is whole");
    (status, body)
}
