//! An endpoint's network with faults in it: a proxy in front of a server, which spoils exchanges as it is told.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it arrives and is answered.
    None,
    /// It arrives, and the connection is closed instead of the answer.
    LoseAnswer,
    /// The connection is closed when a part of it was read.
    CutRequest,
    /// Half of an answer comes, and then nothing.
    HangInAnswer,
    /// The answer comes a byte at a time, and never ends.
    Trickle,
}

/// A running proxy. Its threads end with the process.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Proxy {
    /// In front of a server; the first requests suffer the faults, one each.
    ///
    /// # Panics
    /// There is no port to listen on.
    #[must_use]
    pub fn before(server: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let faults = Arc::new(Mutex::new(faults.into_iter().collect()));
        let proxy = Proxy {
            address,
            faults: Arc::clone(&faults),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let faults = Arc::clone(&faults);
                thread::spawn(move || serve(client, server, &faults));
            }
        });
        proxy
    }

    /// The endpoint to configure.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many faults are still to come.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        lock(&self.faults).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, until it ends or a fault ends it.
fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    faults: &Mutex<VecDeque<Fault>>,
) -> io::Result<()> {
    loop {
        let mut first = [0];
        client.read_exact(&mut first)?;
        let fault = lock(faults).pop_front().unwrap_or(Fault::None);
        if fault == Fault::CutRequest {
            // What is unread makes the close a reset.
            return client.read_exact(&mut [0; 99]);
        }
        let request = message(&mut client, &first)?;
        match fault {
            Fault::HangInAnswer => {
                client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")?;
                return wait_for_close(&mut client);
            }
            Fault::Trickle => {
                client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")?;
                loop {
                    client.write_all(b"a")?;
                    thread::sleep(Duration::from_millis(20));
                }
            }
            _ => {}
        }
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&request)?;
        let answer = message(&mut upstream, &[])?;
        if fault == Fault::LoseAnswer {
            return Ok(());
        }
        client.write_all(&answer)?;
    }
}

fn wait_for_close(client: &mut TcpStream) -> io::Result<()> {
    while client.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

/// One HTTP message with a content length; `begun` was read before.
fn message(stream: &mut TcpStream, begun: &[u8]) -> io::Result<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut bytes = begun.to_vec();
    let mut part = [0; 16 * 1024];
    loop {
        let head = bytes.windows(END.len()).position(|window| window == END);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head + END.len() + length.unwrap_or(0) {
                return Ok(bytes);
            }
        }
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}
