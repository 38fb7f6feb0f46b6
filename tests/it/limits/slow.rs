//! Clients that take their time: two thousand of them cost the others nothing.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::talk::{ask, capture, connect, get, percentile, post, sign_up};
use super::until;
use crate::program::{self, Program};

/// Slow clients: nearly as many as there are places.
const SLOW: usize = 2_000;

/// Normal requests, before and meanwhile.
const NORMAL: usize = 200;

/// Memory that the slow clients may cost, in KiB.
const GROWTH_MAX_KIB: u64 = 64 * 1_024;

/// Answers that nobody reads, asked for at once by each of the first so many who read nothing.
const UNREAD: usize = 8;
const WHO_READ_NOTHING: usize = 100;

/// A client whose socket takes next to nothing.
async fn narrow(program: &Program) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    socket.connect(program.api).await.expect("a connection")
}

/// Times of normal requests, one after the other.
async fn normal(program: &Program, name: &str) -> Vec<Duration> {
    let mut stream = connect(program.api).await;
    let mut times = Vec::new();
    for number in 0..NORMAL {
        let reply = ask(&mut stream, &capture(&format!("{name}-{number}"))).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status, 201, "{reply:?}");
        times.push(reply.took);
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_clients_cost_the_others_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let program = Program::start(folder.path());
    sign_up(&program).await;
    let mut before = normal(&program, "before").await;
    let (resident, files) = (program.resident_kib(), program.open_files());

    let half_a_head = b"POST /api/v1/capture-payment HTTP/1.1\r\nhost: x\r\n".to_vec();
    let half_a_body =
        post("/api/v1/capture-payment", "content-length: 500000\r\n", b"{\"user_id\":");
    let never_read = get("/openapi.json").repeat(UNREAD);
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let (mut stream, said) = match number {
            0..WHO_READ_NOTHING => (narrow(&program).await, &never_read),
            _ if number % 2 == 0 => (connect(program.api).await, &half_a_head),
            _ => (connect(program.api).await, &half_a_body),
        };
        stream.write_all(said).await.expect("written");
        slow.push(stream);
    }
    // The first may have been cut off already, on a busy machine.
    until(|| program.open_files() >= files + SLOW / 4 * 3, "they are accepted").await;
    let mut meanwhile = normal(&program, "meanwhile").await;
    let (grown, most) = (program.resident_kib(), program.open_files());
    // A byte now and then changes nothing.
    for stream in &mut slow {
        let _ = stream.try_write(b"x");
    }
    let ready = ask(&mut connect(program.api).await, &get("/health/ready")).await;
    assert_eq!(ready.expect("an answer").status, 200);
    println!(
        "p99 of {NORMAL} captures: {:?}, with {SLOW} slow clients {:?}; resident {resident} KiB, then \
         {grown} KiB; files {files}, then {most}",
        percentile(&mut before, 99),
        percentile(&mut meanwhile, 99)
    );
    assert!(grown < resident + GROWTH_MAX_KIB, "{resident} KiB, then {grown} KiB");
    assert!(most < files + SLOW + 50, "{files} open files, then {most}");
    drop(slow);
    let began = Instant::now();
    until(|| program.open_files() < files + 50, "their places are free again").await;
    println!("free again after {:?}", began.elapsed());
}
