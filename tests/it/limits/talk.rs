//! A client that does no more than it is told: bytes out, one answer in.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::program::{KEY, Program};

/// How long a test waits for one answer before it says that there is none.
const PATIENCE: Duration = Duration::from_mins(1);

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Reply {
    /// Whether it says when to come again.
    pub(super) fn has_retry_after(&self) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case("retry-after: 1"))
    }
}

pub(super) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("a connection")
}

/// A POST with these lines in its head, and a body as it stands.
pub(super) fn post(path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nlinkrunner-key: {KEY}\r\n{lines}\r\n");
    [head.as_bytes(), body].concat()
}

/// A POST of a body with its length.
pub(super) fn whole(path: &str, body: &str) -> Vec<u8> {
    post(path, &format!("content-length: {}\r\n", body.len()), body.as_bytes())
}

/// A GET.
pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A capture of a purchase of the person that [`sign_up`] makes known.
pub(super) fn capture(id: &str) -> Vec<u8> {
    whole("/api/v1/capture-payment", &crate::engine::purchase("666", id))
}

/// Makes the person known whose purchases are captured.
pub(super) async fn sign_up(program: &Program) {
    let body = r#"{"user_data":{"id":"666","email":"buyer@example.com"}}"#;
    let mut stream = connect(program.api).await;
    let reply = ask(&mut stream, &whole("/api/v1/signup", body)).await.expect("an answer");
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Sends a request and reads its answer; the connection stays open.
pub(super) async fn ask(stream: &mut TcpStream, request: &[u8]) -> io::Result<Reply> {
    let sent = Instant::now();
    stream.write_all(request).await?;
    reply(stream, sent).await
}

/// Reads one answer, to a request of this moment.
pub(super) async fn reply(stream: &mut TcpStream, sent: Instant) -> io::Result<Reply> {
    match tokio::time::timeout(PATIENCE, read(stream, sent)).await {
        Ok(reply) => reply,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn read(stream: &mut TcpStream, sent: Instant) -> io::Result<Reply> {
    let mut said = Vec::with_capacity(2_048);
    loop {
        if let Some(head) = said.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&said[..head]).into_owned();
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
            });
            let end = head + 4 + length.unwrap_or(0);
            while said.len() < end {
                if stream.read_buf(&mut said).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let status = text.get(9..12).and_then(|status| status.parse().ok());
            let body = String::from_utf8_lossy(&said[head + 4..end]).into_owned();
            let (status, took) = (status.unwrap_or(0), sent.elapsed());
            return Ok(Reply { status, head: text, body, took });
        }
        if stream.read_buf(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The time below which this share of all stays, in percent.
pub(super) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times
        .get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
