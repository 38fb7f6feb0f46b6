//! Hostile HTTP: whatever arrives costs the sender alone, and is answered in the envelope wherever
//! HTTP is sound enough to answer (row LR-30). Where it is not, the connection ends.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::engine::{Engine, KEY, purchase};
use crate::program::{self, Program};

const PATH: &str = "/api/v1/capture-payment";

/// Where the engine listens.
fn address(engine: &Engine) -> String {
    let request = engine.request("GET", "/").build().expect("a request");
    request.url().authority().to_owned()
}

/// Sends bytes, says that no more will come, and reads until the server hangs up.
async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server that has answered may have hung up before everything was written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

/// The head of a capture with these lines, and a body as it stands.
fn request(lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nlinkrunner-key: {KEY}\r\nconnection: close\r\n{lines}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A body in chunks of a size.
fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(size) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunks.extend(chunk);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    chunks
}

/// The status of an answer, and what its envelope says; no envelope, no message.
fn told(answer: &str) -> (Option<u16>, Option<String>) {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let envelope: Value = serde_json::from_str(body).unwrap_or_default();
    let is_envelope = envelope["status"].as_u64() == status.map(u64::from);
    (status, envelope["msg"].as_str().filter(|_| is_envelope).map(str::to_owned))
}

#[tokio::test]
async fn every_body_that_http_can_carry_is_answered_in_the_envelope() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let address = address(&engine);
    let good = |id: &str| purchase("666", id).into_bytes();
    let large = vec![b' '; 1 << 21];
    let with_length = |body: &[u8]| format!("content-length: {}\r\n", body.len());
    let typed = |kind: &str, id: &str| {
        let body = good(id);
        request(&format!("content-type: {kind}\r\n{}", with_length(&body)), &body)
    };
    let invalid = b"{\"user_id\":\"\xff\xfe\",\"amount\":1}".to_vec();
    let inner_twice = br#"{"user_id":"666","amount":1,"event_data":{"a":{"b":1,"b":2}}}"#;
    let marked = ["\u{feff}".as_bytes(), &good("bom")].concat();
    let chunks = "transfer-encoding: chunked\r\n";
    for (what, bytes, status, says) in [
        ("chunks of a byte", request(chunks, &chunked(&good("c1"), 1)), 201, "captured"),
        ("chunks", request(chunks, &chunked(&good("c2"), 100)), 201, "captured"),
        ("too many chunks", request(chunks, &chunked(&large, 4_096)), 413, "larger than 1 MB"),
        ("a chunk without a size", request(chunks, b"zz\r\n{}\r\n0\r\n\r\n"), 400, "arrive whole"),
        ("chunks without an end", request(chunks, b"5\r\n{\"a\":"), 400, "arrive whole"),
        ("too long", request(&with_length(&large), &large), 413, "larger than 1 MB"),
        ("less than announced", request("content-length: 99\r\n", b"{}"), 400, "arrive whole"),
        ("no body and no length", request("", b""), 400, "not JSON"),
        ("text", typed("text/plain", "t1"), 201, "captured"),
        ("a form", typed("application/x-www-form-urlencoded", "t2"), 201, "captured"),
        ("another alphabet", typed("application/json; charset=utf-16", "t3"), 201, "captured"),
        ("no type at all", typed("", "t4"), 201, "captured"),
        ("no UTF-8", request(&with_length(&invalid), &invalid), 400, "not JSON"),
        (
            "a key twice, within",
            request(&with_length(inner_twice), inner_twice),
            400,
            "stands twice",
        ),
        ("a byte order mark", request(&with_length(&marked), &marked), 400, "not JSON"),
        ("zeros", request("content-length: 4\r\n", &[0; 4]), 400, "not JSON"),
    ] {
        let answer = exchange(&address, &bytes).await;
        let (found, msg) = told(&answer);
        let msg = msg.unwrap_or_default();
        assert!(found == Some(status) && msg.contains(says), "{what}: {answer}");
    }
    assert_eq!(engine.books().await.recorded, 6, "each that was answered 201, and no other");
}

#[tokio::test]
async fn heads_that_are_not_sound_end_the_connection_and_nothing_else() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let address = address(&engine);
    let body = purchase("666", "smuggled");
    let flood: Vec<String> = (0..300).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(1 << 20));
    let two = format!("content-length: {}\r\ncontent-length: 3\r\n", body.len());
    for (what, bytes, statuses) in [
        ("two lengths", request(&two, body.as_bytes()), &[400][..]),
        ("a negative length", request("content-length: -1\r\n", b"{}"), &[400]),
        ("a length of letters", request("content-length: ten\r\n", b"{}"), &[400]),
        ("an unknown coding", request("transfer-encoding: rot13\r\n", b"{}"), &[400, 501]),
        ("a flood of headers", request(&flood.concat(), b""), &[431, 400]),
        ("a header without end", request(&long, b""), &[431, 400]),
        ("a header without a name", request(": y\r\n", b""), &[400]),
        ("a zero in a header", request("x: \0\r\n", b""), &[400]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("HTTP of the future", b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[400, 505]),
    ] {
        let answer = exchange(&address, &bytes).await;
        let (status, _) = told(&answer);
        assert!(status.is_none_or(|status| statuses.contains(&status)), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), usize::from(status.is_some()), "{what}");
    }
    assert_eq!(engine.books().await.recorded, 0);
    assert_eq!(engine.purchase("666", "afterwards").await.status, 201);
}

#[tokio::test]
async fn what_two_readers_could_cut_in_two_is_one_request_or_none() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let address = address(&engine);
    let inner = purchase("666", "smuggled");
    let smuggled = String::from_utf8(request(
        &format!("content-length: {}\r\n", inner.len()),
        inner.as_bytes(),
    ));
    let smuggled = smuggled.expect("text");
    // Whoever goes by the length sees one request; whoever goes by the chunks sees two.
    let desync = format!("0\r\n\r\n{smuggled}");
    let open = |lines: &str, body: &str| {
        let head =
            format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nlinkrunner-key: {KEY}\r\n{lines}\r\n");
        [head.as_bytes(), body.as_bytes()].concat()
    };
    let length = format!("content-length: {}\r\n", desync.len());
    let chunked = "transfer-encoding: chunked\r\n";
    for (what, lines) in [
        ("a length, then chunks", format!("{length}{chunked}")),
        ("chunks, then a length", format!("{chunked}{length}")),
        ("chunks twice", format!("{chunked}{chunked}")),
        ("chunks as the first of two", "transfer-encoding: chunked, identity\r\n".to_owned()),
        ("chunks as the last of two", "transfer-encoding: gzip, chunked\r\n".to_owned()),
        ("nearly chunks", format!("transfer-encoding: xchunked\r\n{length}")),
        ("a tab before chunks", format!("transfer-encoding:\tchunked\r\n{length}")),
        ("a blank before the colon", format!("transfer-encoding : chunked\r\n{length}")),
        ("a folded line", format!("x: y\r\n transfer-encoding: chunked\r\n{length}")),
        ("two equal lengths", format!("{length}{length}")),
        ("two lengths", format!("{length}content-length: 5\r\n")),
        ("a list of lengths", format!("content-length: {0}, {0}\r\n", desync.len())),
        ("a length with a sign", format!("content-length: +{}\r\n", desync.len())),
        ("a length in hex", format!("content-length: 0x{:x}\r\n", desync.len())),
        ("a return in a header", format!("x: y\rtransfer-encoding: chunked\r\n{length}")),
        ("an upgrade", format!("connection: upgrade, http2-settings\r\nupgrade: h2c\r\n{length}")),
    ] {
        let answer = exchange(&address, &open(&lines, &desync)).await;
        let (status, _) = told(&answer);
        assert!(matches!(status, Some(400)), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    for (what, chunks) in [
        ("a size with a prefix", "0x5\r\nabcde\r\n0\r\n\r\n"),
        ("a negative size", "-5\r\nabcde\r\n0\r\n\r\n"),
        ("a size beyond counting", "ffffffffffffffffff\r\nabcde\r\n0\r\n\r\n"),
        ("a chunk longer than it says", "2\r\n{}}\r\n0\r\n\r\n"),
        ("a line feed alone", "2\n{}\n0\n\n"),
    ] {
        let bytes = [open(chunked, chunks), smuggled.clone().into_bytes()].concat();
        let answer = exchange(&address, &bytes).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        assert_eq!(told(&answer).0, Some(400), "{what}: {answer}");
    }
    assert_eq!(engine.books().await.recorded, 0, "nothing was smuggled in");
    // What is sound in chunks is served, and is the last of its connection.
    let good = String::from_utf8(chunked_of(&purchase("666", "good"))).expect("text");
    let answer = exchange(&address, &[open(chunked, &good), smuggled.into_bytes()].concat()).await;
    assert_eq!((told(&answer).0, answer.matches("HTTP/1.1 ").count()), (Some(201), 1), "{answer}");
    assert_eq!(engine.books().await.recorded, 1);
}

fn chunked_of(body: &str) -> Vec<u8> {
    chunked(body.as_bytes(), 100)
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_a_row_and_100_continue_only_for_those_let_in() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let address = address(&engine);
    let mut row = Vec::new();
    for id in ["first", "second", "third"] {
        let body = purchase("666", id);
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nlinkrunner-key: {KEY}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        row.extend([head, body].concat().bytes());
    }
    let answers = exchange(&address, &row).await;
    let places: Vec<_> = ["first", "second", "third"]
        .map(|id| answers.find(&format!(r#""payment_id":"{id}""#)))
        .into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{answers}");

    let body = purchase("666", "expected");
    let lines = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    let answer = exchange(&address, &request(&lines, body.as_bytes())).await;
    let (interim, rest) = answer.split_once("\r\n\r\n").expect("two answers");
    assert!(interim.starts_with("HTTP/1.1 100"), "{answer}");
    assert_eq!(told(rest).0, Some(201), "{answer}");
    let wrong = String::from_utf8(request(&lines, b"")).expect("text").replace(KEY, "wrong");
    let answer = exchange(&address, wrong.as_bytes()).await;
    assert_eq!(told(&answer).0, Some(401), "nobody is asked for a body in vain: {answer}");
}

#[tokio::test]
async fn no_path_and_no_method_is_without_an_answer() {
    let engine = Engine::start().await;
    let address = address(&engine);
    for (line, status) in [
        (format!("PUT {PATH}"), 405),
        (format!("PATCH {PATH}"), 405),
        (format!("OPTIONS {PATH}"), 405),
        (format!("TRACE {PATH}"), 405),
        (format!("BREW {PATH}"), 405),
        ("OPTIONS *".to_owned(), 404),
        (format!("POST {PATH}/"), 404),
        (format!("POST /{PATH}"), 404),
        ("POST /api/v1/../v1/capture-payment".to_owned(), 404),
        ("POST /api/v1/%ff%00".to_owned(), 404),
        (format!("POST /{}", "x".repeat(10_000)), 404),
        (format!("POST {PATH}?key={KEY}"), 401),
        // The admin API is not here.
        ("GET /admin/v1/payments".to_owned(), 404),
        ("GET /metrics".to_owned(), 404),
    ] {
        let bytes = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(&address, bytes.as_bytes()).await;
        let (found, msg) = told(&answer);
        let line: String = line.chars().take(80).collect();
        assert!(found == Some(status) && msg.is_some(), "{line}: {answer}");
    }
}

/// Large bodies under way at once.
const LARGE_BODIES: usize = 16;

/// How often they come.
const ROUNDS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_cost_what_is_under_way_and_leave_nothing_behind() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let program = Program::start(folder.path());
    let address = program.api.to_string();
    // Many small values cost the most to hold once they are read; the body is refused in the end.
    let fields: Vec<String> = (0..10_000).map(|key| format!(r#""k{key:05}":[1]"#)).collect();
    let mut body =
        format!(r#"{{"user_id":"666","amount":-1,"event_data":{{{}}}"#, fields.join(","));
    body.push_str(&" ".repeat((1 << 20) - 1 - body.len()));
    body.push('}');
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nlinkrunner-key: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        program::KEY,
        body.len()
    );
    let mut resident = Vec::new();
    let before = program.resident_kib();
    for _ in 0..ROUNDS {
        let mut streams = Vec::new();
        for _ in 0..LARGE_BODIES {
            let mut stream = TcpStream::connect(&address).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("written");
            stream.write_all(&body.as_bytes()[..body.len() - 1]).await.expect("written");
            streams.push(stream);
        }
        resident.push(program.resident_kib());
        for mut stream in streams {
            stream.write_all(b"}").await.expect("written");
            let mut said = String::new();
            let read =
                tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut said));
            read.await.expect("in time").expect("an answer");
            assert!(said.starts_with("HTTP/1.1 400"), "{said:.200}");
        }
    }
    println!("resident KiB: {before} before, {resident:?} with {LARGE_BODIES} bodies of 1 MB");
    let most = |rounds: &[u64]| rounds.iter().copied().max().unwrap_or_default();
    // How much the allocator keeps at a time differs; but if something were left of each body, every
    // later round would stand above all the early ones, by a round's bodies at least.
    let (early, late) = resident.split_at(ROUNDS / 2);
    let least = late.iter().copied().min().unwrap_or_default();
    let left = u64::try_from(LARGE_BODIES).expect("few") * 1_024;
    assert!(least < most(early) + left / 2, "it grows with every round: {resident:?}");
    let bound = u64::try_from(LARGE_BODIES).expect("few") * 8 * 1_024;
    assert!(most(&resident) < before + bound, "{before}, then {resident:?}");
}
