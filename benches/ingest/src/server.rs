//! server-mock as a process of its own, so that its CPU time is its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client;
use crate::cpu::Cpu;

pub struct Server {
    child: Child,
    http: String,
    sql: String,
}

impl Server {
    pub fn start(program: &Path, data: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["--http", "127.0.0.1:0", "--sql", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .expect("server-mock starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("server-mock says where it listens");
        let value = |key| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(key))
                .expect("an address")
        };
        let (http, sql) = (value("http=").to_owned(), value("sql=").to_owned());
        Self { child, http, sql }
    }

    pub fn address(&self) -> &str {
        &self.http
    }

    /// CPU time so far.
    pub fn cpu(&self) -> Cpu {
        Cpu::of(self.child.id())
    }

    /// The number that a query answers.
    pub fn number(&self, query: &str) -> u64 {
        let mut connection = TcpStream::connect(&self.sql).expect("SQL is answered");
        let request = format!(
            "POST /?database=highlight HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{query}",
            query.len()
        );
        connection
            .write_all(request.as_bytes())
            .expect("the server reads");
        let (_, body) = client::answer(&mut BufReader::new(connection));
        String::from_utf8_lossy(&body)
            .trim()
            .parse()
            .expect("the answer is a number")
    }

    pub fn stop(mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(
            asked.is_ok_and(|status| status.success()),
            "server-mock can be asked to stop"
        );
        self.child.wait().expect("server-mock stops");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
