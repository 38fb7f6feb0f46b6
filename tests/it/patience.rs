//! Slow clients: they are let go, and cost the others nothing. Here the limits are short; `limits`
//! does the same to the real program.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tillpost::http::{Patience, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A listener with little patience, and its address.
async fn listener(patience: Patience) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let large = "x".repeat(LARGE_ANSWER);
    let router = Router::new()
        .route("/", post(|_: axum::body::Bytes| async { "whole" }))
        .route("/large", get(|| async { large }));
    tokio::spawn(serve(listener, router, patience, std::future::pending()));
    address
}

/// Everything the server says until it hangs up.
async fn all_of(mut stream: TcpStream, sent: &str) -> String {
    stream.write_all(sent.as_bytes()).await.expect("written");
    let mut said = String::new();
    // A connection that is reset has been closed as well.
    let _ = stream.read_to_string(&mut said).await;
    said
}

/// More than any socket takes on its own.
const LARGE_ANSWER: usize = 32 * 1024 * 1024;

const BRIEF: Patience = Patience {
    connections: 8,
    head: Duration::from_millis(50),
    request: Duration::from_millis(50),
    answer: Duration::from_millis(50),
};

#[tokio::test]
async fn half_a_head_and_half_a_body_are_not_waited_for() {
    let address = listener(BRIEF).await;
    let connect = || async { TcpStream::connect(address).await.expect("a connection") };
    assert_eq!(all_of(connect().await, "POST / HTTP/1.1\r\nhost: x\r\n").await, "");
    let half = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
    let said = all_of(connect().await, half).await;
    assert!(said.starts_with("HTTP/1.1 408") && said.contains(r#""status":408"#), "{said}");
}

#[tokio::test]
async fn connections_that_say_nothing_free_their_places() {
    let address = listener(BRIEF).await;
    let mut idle = Vec::new();
    for _ in 0..BRIEF.connections * 3 {
        idle.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nwhole";
    let said = all_of(stream, request).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("whole"), "{said}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_frees_its_place() {
    let address = listener(BRIEF).await;
    let mut unread = Vec::new();
    for _ in 0..BRIEF.connections {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
        unread.push(stream);
    }
    // All places are taken: this one is served because the others are cut.
    let stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nwhole";
    let said = all_of(stream, request).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("whole"), "{said}");
    let mut cut = 0;
    for stream in unread {
        let said = all_of(stream, "").await;
        cut += usize::from(said.len() < LARGE_ANSWER);
    }
    assert!(cut >= 1, "what was not taken in time is cut off");
}

#[test]
fn connections_leave_files_for_the_database() {
    let usual = Patience::default().connections;
    for (files, connections) in [
        (u64::MAX, usual),
        (20_000, usual),
        (2_432, usual),
        (2_431, usual - 1),
        (1_024, 640),
        (448, 64),
        (0, 64),
    ] {
        assert_eq!(Patience::default().within(files).connections, connections, "{files}");
    }
}
