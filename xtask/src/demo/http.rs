//! One HTTP/1.1 request over a connection of its own: all that the demo needs of a client.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
}

/// A request to the server at `address`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) address: SocketAddr,
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) headers: &'a [(&'a str, String)],
    pub(super) body: &'a str,
}

impl Request<'_> {
    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or none that is HTTP.
    pub(super) fn send(&self) -> Result<Reply> {
        let address = self.address;
        let mut answer = Vec::new();
        self.exchange(&mut answer)
            .with_context(|| format!("{} {} at {address}", self.method, self.target))?;
        parse(&answer).with_context(|| format!("{address} does not answer {} in HTTP", self.target))
    }

    fn exchange(&self, answer: &mut Vec<u8>) -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(self.text().as_bytes())?;
        stream.read_to_end(answer)?;
        Ok(())
    }

    fn text(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n",
            self.method,
            self.target,
            self.address,
            self.body.len()
        );
        for (name, value) in self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        format!("{head}\r\n{}", self.body)
    }
}

fn parse(answer: &[u8]) -> Result<Reply> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the headers do not end")?;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .context("there is no status")?;
    let chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    ensure!(!chunked, "the body comes in chunks");
    Ok(Reply {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Reply, Request, parse};

    #[test]
    fn a_request_is_written_with_its_headers_and_body() {
        let request = Request {
            address: ([127, 0, 0, 1], 80).into(),
            method: "POST",
            target: "/a?b=c",
            headers: &[("x-one", "1".to_owned())],
            body: "SELECT 1",
        };
        assert_eq!(
            request.text(),
            "POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-length: 8\r\nconnection: close\r\nx-one: 1\r\n\r\nSELECT 1"
        );
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = b"HTTP/1.1 404 Not Found\r\nx: y\r\n\r\nnothing\r\n\r\nhere";
        let expected = Reply {
            status: 404,
            body: "nothing\r\n\r\nhere".to_owned(),
        };
        assert_eq!(parse(answer).unwrap(), expected);
        for wrong in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(parse(wrong).is_err());
        }
    }
}
