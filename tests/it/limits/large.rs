//! Bodies beyond every limit: refused unread, or as soon as they are too much.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::talk::{Reply, ask, capture, connect, get, post, reply, sign_up, whole};
use crate::program::{self, Program};

/// A body of ten megabytes.
const LARGE: usize = 10 * 1024 * 1024;

/// How many come at once.
const AT_ONCE: usize = 64;

/// Memory that they may cost, in KiB: what large bodies may take together, as much again for
/// what the connections read ahead, and what the allocator keeps of each kind of them. Together they
/// are 640 MB.
const GROWTH_MAX_KIB: u64 = 160 * 1_024;

const PATH: &str = "/api/v1/capture-payment";

/// Sends a body after its head, piece by piece, until it is told something or hung up on.
async fn send(address: SocketAddr, head: Vec<u8>, piece: Vec<u8>, pieces: usize) -> (Reply, bool) {
    let mut stream = connect(address).await;
    let (reading, mut writing) = stream.split();
    let sending = async {
        let _ = writing.write_all(&head).await;
        for _ in 0..pieces {
            if writing.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    // Who has been answered stops sending.
    tokio::select! {
        biased;
        _ = reading.readable() => {}
        () = sending => {}
    }
    let told = reply(&mut stream, Instant::now()).await.expect("an answer");
    let mut rest = [0; 64];
    let is_closed = !matches!(stream.read(&mut rest).await, Ok(1..));
    (told, is_closed)
}

fn chunk(bytes: usize) -> Vec<u8> {
    let mut chunk = format!("{bytes:x}\r\n").into_bytes();
    chunk.resize(chunk.len() + bytes, b' ');
    chunk.extend(b"\r\n");
    chunk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_sixty_four_times_are_refused_and_cost_next_to_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let program = Program::start(folder.path());
    sign_up(&program).await;
    let mut honest = connect(program.api).await;
    for number in 0..50 {
        let reply = ask(&mut honest, &capture(&format!("before-{number}"))).await;
        assert_eq!(reply.expect("an answer").status, 201);
    }
    let before = program.resident_kib();
    let piece = 64 * 1024;
    let length = format!("content-length: {LARGE}\r\n");
    let chunked = "transfer-encoding: chunked\r\n";
    for (what, head, piece) in [
        ("with its length", post(PATH, &length, b""), vec![b' '; piece]),
        ("in chunks", post(PATH, chunked, b""), chunk(piece)),
        ("from an app", post("/api/client/capture-payment", chunked, b""), chunk(piece)),
        ("a removal", post("/api/v1/remove-payment", chunked, b""), chunk(piece)),
        ("from a provider", post("/webhooks/stripe/shop", &length, b""), vec![b' '; piece]),
    ] {
        let sending = |_| {
            let pieces = LARGE / (64 * 1024);
            tokio::spawn(send(program.api, head.clone(), piece.clone(), pieces))
        };
        let sending: Vec<_> = (0..AT_ONCE).map(sending).collect();
        let honestly = ask(&mut honest, &capture(what)).await.expect("an answer");
        assert_eq!(honestly.status, 201, "{what}: {honestly:?}");
        let (mut refused, mut later) = (0, 0);
        for one in sending {
            let (told, is_closed) = one.await.expect("an answer");
            match told.status {
                413 => refused += 1,
                503 if told.has_retry_after() => later += 1,
                _ => panic!("{what}: {told:?}"),
            }
            assert!(is_closed, "{what}: nobody reads on");
        }
        let now = program.resident_kib();
        println!(
            "{AT_ONCE} bodies of 10 MB, {what}: {refused} × 413, {later} × 503; resident {before} KiB, then {now} KiB"
        );
        assert!(now < before + GROWTH_MAX_KIB, "{what}: {before} KiB, then {now} KiB");
        // What announces its length is refused unread: never for want of room.
        assert!(later == 0 || !head.ends_with(length.as_bytes()), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_never_end_leave_the_small_ones_alone() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let program = Program::start(folder.path());
    sign_up(&program).await;
    let before = program.resident_kib();
    // Nearly a megabyte each, and then nothing more: together more than bodies may take.
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..AT_ONCE {
        let mut stream = connect(program.api).await;
        let head = post(PATH, "transfer-encoding: chunked\r\n", b"");
        let body = [head, chunk(1_000_000)].concat();
        let _ = stream.write_all(&body).await;
        held.push(stream);
    }
    let mut operator = connect(program.admin).await;
    loop {
        let metrics = ask(&mut operator, &get("/metrics")).await.expect("an answer").body;
        let count = metrics.lines().find_map(|line| {
            line.strip_prefix("tillpost_refused_requests_total{because=\"bodies_under_way\"} ")
        });
        if count.is_some_and(|count| count != "0") {
            break;
        }
    }
    let now = program.resident_kib();
    println!("{AT_ONCE} bodies that never end: resident {before} KiB, then {now} KiB");
    assert!(now < before + GROWTH_MAX_KIB, "{before} KiB, then {now} KiB");
    let mut honest = connect(program.api).await;
    let reply = ask(&mut honest, &capture("small")).await.expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    let padding = " ".repeat(900_000);
    let reply = ask(&mut honest, &whole(PATH, &format!("{padding}{{}}"))).await.expect("an answer");
    assert!(reply.status == 503 && reply.has_retry_after(), "{reply:?}");
    drop(held);
    let mut tries = 0;
    loop {
        let mut later = connect(program.api).await;
        let reply = ask(&mut later, &whole(PATH, &format!("{padding}{{}}"))).await;
        match reply.map(|reply| reply.status) {
            Ok(400) => break,
            Ok(503) if tries < 10_000 => tries += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_opened() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let program = Program::start(folder.path());
    sign_up(&program).await;
    let before = program.resident_kib();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; LARGE / 10]).expect("compressed");
    }
    let bomb = bomb.finish().expect("compressed");
    assert!(bomb.len() < 1024 * 1024, "small enough to be let in");
    let lines = |coding: &str, length: usize| {
        format!("content-encoding: {coding}\r\ncontent-length: {length}\r\n")
    };
    for coding in ["gzip", "GZIP", "deflate, gzip", "br", "zstd", "rot13"] {
        let mut stream = connect(program.api).await;
        let request = post(PATH, &lines(coding, bomb.len()), &bomb);
        let told = ask(&mut stream, &request).await.expect("an answer");
        assert!(told.status == 415 && told.body.contains("Content-Encoding"), "{coding}: {told:?}");
    }
    let mut stream = connect(program.api).await;
    let body = crate::engine::purchase("666", "as-it-is");
    let request = post(PATH, &lines("identity", body.len()), body.as_bytes());
    assert_eq!(ask(&mut stream, &request).await.expect("an answer").status, 201);
    let now = program.resident_kib();
    assert!(now < before + GROWTH_MAX_KIB, "{before} KiB, then {now} KiB");
}
