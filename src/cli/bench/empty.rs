//! A server that does nothing: what the generator and this machine's sockets can do at most.
//!
//! In: requests. Out: one answer for all of them, as long as a real one. One thread, no work.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::fault::Fault;
use super::generator::Expected;
use super::wire;

/// Bytes of the service's answer to one payment, about.
const ANSWER_BYTES: usize = 480;

const LISTENER: Token = Token(usize::MAX);

/// A running empty server; it ends when this is dropped.
pub(super) struct Empty {
    /// Where it listens.
    pub(super) address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Drop for Empty {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Empty {
    /// Starts one that gives the expected answer to requests of so many payments.
    pub(super) fn start(expected: &Expected, payments: usize) -> Result<Self, Fault> {
        let failed = || Fault::of("cannot start an empty server");
        let mut listener =
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let poll = Poll::new().map_err(failed())?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(failed())?;
        let is_over = Arc::new(AtomicBool::new(false));
        let answer = answer(expected, payments);
        let ends = Arc::clone(&is_over);
        let server = Server { poll, listener, clients: Vec::new(), answer };
        std::thread::Builder::new()
            .name("empty".into())
            .spawn(move || server.run(&ends))
            .map_err(failed())?;
        Ok(Self { address, is_over })
    }
}

fn answer(expected: &Expected, payments: usize) -> Vec<u8> {
    let Expected { status, body, within } = expected;
    let filling = ".".repeat(ANSWER_BYTES * payments);
    let body = format!(r#"{body}"data":{{{within},"filling":"{filling}"}}}}"#);
    let head = format!(
        "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    clients: Vec<Client>,
    answer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    inbox: Vec<u8>,
    filled: usize,
    /// What of the answer is still to be written.
    unwritten: usize,
}

impl Server {
    fn run(mut self, is_over: &AtomicBool) {
        let mut events = Events::with_capacity(1_024);
        while !is_over.load(Ordering::Relaxed) {
            if self.poll.poll(&mut events, Some(Duration::from_millis(50))).is_err() {
                continue;
            }
            for event in &events {
                // A client that is gone needs no answer; the generator says what it missed.
                let _ = if event.token() == LISTENER { self.accept() } else { self.serve(event) };
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let (mut stream, _) = self.listener.accept()?;
            stream.set_nodelay(true)?;
            let token = Token(self.clients.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, both)?;
            self.clients.push(Client { stream, inbox: vec![0; 8_192], filled: 0, unwritten: 0 });
        }
    }

    fn serve(&mut self, event: &Event) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(event.token().0) else { return Ok(()) };
        client.write(&self.answer)?;
        client.read(&self.answer)
    }
}

impl Client {
    fn read(&mut self, answer: &[u8]) -> io::Result<()> {
        loop {
            if self.filled == self.inbox.len() {
                self.inbox.resize(2 * self.filled, 0);
            }
            let count = self.stream.read(&mut self.inbox[self.filled..])?;
            if count == 0 {
                return Ok(());
            }
            self.filled += count;
            // A client sends its next request only after the answer, so nothing stands behind it.
            if wire::message(&self.inbox[..self.filled]).is_some() {
                self.filled = 0;
                self.unwritten = answer.len();
                return self.write(answer);
            }
        }
    }

    fn write(&mut self, answer: &[u8]) -> io::Result<()> {
        while self.unwritten > 0 {
            let count = self.stream.write(&answer[answer.len() - self.unwritten..])?;
            self.unwritten -= count;
        }
        Ok(())
    }
}
