//! The shorter way answers as the router's would, and it is the one that captures take.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{CAPTURE_PAYMENT, Doors};
use crate::app::Desk;
use crate::clock::{Clock, FrozenClock};
use crate::config::{self, World};
use crate::core::time::Timestamp;
use crate::http::{Api, BODY_BYTES_MAX, Patience, public, serve};
use crate::store::Store;

/// Two projects, one of which may call once a second.
#[derive(Debug)]
struct Page;

impl World for Page {
    fn file(&self, path: &Path) -> io::Result<String> {
        let config = r#"
            [store]
            url = "sqlite:books.db"
            [[projects]]
            name = "shop"
            server_key = { env = "SHOP" }
            mapping = "mapping.toml"
            currency = "INR"
            [[projects]]
            name = "slow"
            server_key = { env = "SLOW" }
            mapping = "mapping.toml"
            max_requests_per_second = 1
            [datasets.storefront]
            id = "1"
            access_token = { env = "TOKEN" }
        "#;
        let mapping = "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = \"Purchase\"\n";
        let is_config = path.ends_with("tillpost.toml");
        Ok(if is_config { config } else { mapping }.to_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("the-key-of-{name}-in-this-story"))
    }
}

const KEY: &str = "linkrunner-key: the-key-of-SHOP-in-this-story\r\n";
const SLOW_KEY: &str = "linkrunner-key: the-key-of-SLOW-in-this-story\r\n";
const WRONG_KEY: &str = "linkrunner-key: nobody's\r\n";

/// An engine of its own behind a socket, at the moment at which all of them begin.
struct Engine {
    address: SocketAddr,
    store: Store,
    _folder: TempDir,
}

impl Engine {
    /// Serves the public routes by the doors that are made of them.
    async fn start(doors: impl FnOnce(Doors) -> Doors) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config::load(&folder.path().join("tillpost.toml"), &Page).0;
        let clock = Clock::Frozen(FrozenClock::at(Timestamp::from_seconds(1_772_280_000)));
        let desk = Desk::open(&config.expect("a configuration"), &clock).await.expect("the books");
        let store = desk.store.clone();
        let api = Api::new((desk.intake, desk.store), clock, desk.projects, None);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let doors = doors(public(api));
        tokio::spawn(serve(listener, doors, Patience::default(), pending()));
        Self { address, store, _folder: folder }
    }

    /// Sends bytes, says that no more will come, and reads until the server hangs up.
    async fn answer(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request).await.expect("written");
        stream.shutdown().await.expect("said");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("an answer");
        said
    }
}

/// Answers, byte for byte, but for what the machine's clock says, and for the order in which the lines
/// of a head stand, which means nothing (RFC 9110, 5.3). The body has no lines of its own.
fn sorted(answers: &str) -> Vec<Vec<&str>> {
    let parts = answers.split("\r\n\r\n").map(|part| {
        let lines = part.split("\r\n").filter(|line| !line.starts_with("date: "));
        let mut lines: Vec<&str> = lines.collect();
        // A status stands first whatever follows it.
        if let Some((_, rest)) = lines.split_first_mut() {
            rest.sort_unstable();
        }
        lines
    });
    parts.collect()
}

/// The statuses of these answers, one behind the other.
fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.").filter_map(|(at, _)| answers.get(at + 9..at + 12)).collect()
}

/// A request with these lines in its head, and a body as it stands.
fn request(line: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    [format!("{line}\r\nhost: x\r\n{lines}\r\n").as_bytes(), body].concat()
}

/// A capture with these lines in its head.
fn capture(lines: &str, body: &[u8]) -> Vec<u8> {
    request(&format!("POST {CAPTURE_PAYMENT} HTTP/1.1"), lines, body)
}

/// A capture of a body with its length.
fn whole(lines: &str, body: &str) -> Vec<u8> {
    capture(&format!("{lines}content-length: {}\r\n", body.len()), body.as_bytes())
}

fn purchase(user: &str, payment: &str) -> String {
    format!(r#"{{"user_id":"{user}","payment_id":"{payment}","amount":10.5}}"#)
}

/// What is sent, and the statuses that answer it; each in a connection of its own.
fn table() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let by = |line: &str, id: &str| {
        let body = purchase("666", id);
        let lines = format!("{KEY}content-length: {}\r\n", body.len());
        request(line, &lines, body.as_bytes())
    };
    let keyed = |lines: &str, id: &str| whole(&format!("{KEY}{lines}"), &purchase("666", id));
    let chunked = |body: &[u8]| capture(&format!("{KEY}transfer-encoding: chunked\r\n"), body);
    let person = r#"{"user_data":{"id":"666","email":"buyer@example.com"}}"#;
    let sign_up = format!("{KEY}content-length: {}\r\n", person.len());
    let sign_up = request("POST /api/v1/signup HTTP/1.1", &sign_up, person.as_bytes());
    // No byte beyond the first that is too many: the server would hang up before it has read it,
    // and the client might lose the answer.
    let too_much = BODY_BYTES_MAX + 1;
    let too_large = [format!("{too_much:x}\r\n").as_bytes(), &vec![b' '; too_much]].concat();
    let in_pieces = |body: &str| -> Vec<u8> {
        let chunks: Vec<String> = body.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
        format!("{}0\r\n", chunks.concat()).into_bytes()
    };
    let pieces = in_pieces(&purchase("666", "chunks"));
    let trailers = in_pieces(&purchase("666", "trailers"));
    let post = format!("POST {CAPTURE_PAYMENT}");
    vec![
        ("a signup", sign_up, &["200"]),
        ("a capture", keyed("", "one"), &["201"]),
        ("a repetition", keyed("", "one"), &["201"]),
        ("an unknown user", whole(KEY, &purchase("667", "held")), &["201"]),
        ("the same again", whole(KEY, &purchase("667", "held")), &["201"]),
        ("broken JSON", whole(KEY, r#"{"user_id":"666","#), &["400"]),
        ("a key twice", whole(KEY, r#"{"user_id":"666","user_id":"666","amount":1}"#), &["400"]),
        ("an empty body", whole(KEY, ""), &["400"]),
        ("no body and no length", capture(KEY, b""), &["400"]),
        ("less than announced", capture(&format!("{KEY}content-length: 99\r\n"), b"{}"), &["400"]),
        ("no key", whole("", &purchase("666", "unkeyed")), &["401"]),
        ("a wrong key", whole(WRONG_KEY, &purchase("666", "unkeyed")), &["401"]),
        ("the only one of its second", whole(SLOW_KEY, &purchase("666", "slow")), &["201"]),
        ("one too many", whole(SLOW_KEY, &purchase("666", "slower")), &["429"]),
        ("chunks", chunked(&[&pieces[..], b"\r\n"].concat()), &["201"]),
        ("trailers", chunked(&[&trailers[..], b"x: y\r\n\r\n"].concat()), &["201"]),
        ("a chunk without a size", chunked(b"zz\r\n{}\r\n0\r\n\r\n"), &["400"]),
        ("chunks without an end", chunked(b"5\r\n{\"a\":"), &["400"]),
        ("somebody who asks first", keyed("expect: 100-continue\r\n", "asked"), &["100", "201"]),
        (
            "nobody who asks first",
            whole(&format!("{WRONG_KEY}expect: 100-continue\r\n"), "{}"),
            &["401"],
        ),
        ("too long", capture(&format!("{KEY}content-length: {too_much}\r\n"), b""), &["413"]),
        ("too many chunks", chunked(&too_large), &["413"]),
        ("a compressed capture", keyed("content-encoding: gzip\r\n", "gzip"), &["415"]),
        ("compressed nonsense", whole(&format!("{KEY}content-encoding: gzip\r\n"), "{"), &["415"]),
        ("no coding by name", keyed("content-encoding: identity\r\n", "plain"), &["201"]),
        ("another method", by(&format!("PUT {CAPTURE_PAYMENT} HTTP/1.1"), "put"), &["405"]),
        ("a head", by(&format!("HEAD {CAPTURE_PAYMENT} HTTP/1.1"), "head"), &["405"]),
        ("a small word", by(&format!("post {CAPTURE_PAYMENT} HTTP/1.1"), "post"), &["405"]),
        ("a query", by(&format!("{post}?key=value HTTP/1.1"), "query"), &["201"]),
        ("a slash at its end", by(&format!("{post}/ HTTP/1.1"), "slash"), &["404"]),
        ("two at its start", by(&format!("POST /{CAPTURE_PAYMENT} HTTP/1.1"), "two"), &["404"]),
        ("large letters", by("POST /API/V1/CAPTURE-PAYMENT HTTP/1.1", "large"), &["404"]),
        ("letters by number", by("POST /api/v1/capture%2Dpayment HTTP/1.1", "hex"), &["404"]),
        (
            "all of the address",
            by(&format!("POST http://x{CAPTURE_PAYMENT} HTTP/1.1"), "all"),
            &["201"],
        ),
        ("old HTTP", by(&format!("{post} HTTP/1.0"), "old"), &["201"]),
        ("two in a row", [keyed("", "first"), keyed("", "second")].concat(), &["201", "201"]),
        (
            "nothing behind the last",
            [keyed("connection: close\r\n", "last"), keyed("", "late")].concat(),
            &["201"],
        ),
    ]
}

/// A difference would be one between a busy service and every test of the router.
#[tokio::test]
async fn captures_past_the_router_are_answered_byte_for_byte_as_by_it() {
    let past = Engine::start(|doors| doors).await;
    let by = Engine::start(|doors| Doors { capture: None, ..doors }).await;
    for (what, request, expected) in table() {
        let (past, by) = (past.answer(&request).await, by.answer(&request).await);
        assert_eq!(statuses(&by), expected, "{what}: {by}");
        assert_eq!(sorted(&past), sorted(&by), "{what}");
    }
    let (sums, of_router) = (past.store.books().await, by.store.books().await);
    let sums = sums.expect("the sums");
    assert_eq!(Some(sums), of_router.ok());
    // Each that was answered 201 once; the one of another user, and the slow project's, wait.
    assert_eq!((sums.recorded, sums.held), (11, 2));
    // Nobody can record any more.
    past.store.close().await;
    by.store.close().await;
    let request = whole(KEY, &purchase("666", "afterwards"));
    let (past, by) = (past.answer(&request).await, by.answer(&request).await);
    assert_eq!(statuses(&by), ["503"], "{by}");
    assert_eq!(sorted(&past), sorted(&by), "without books");
}

/// Whoever sends captures by the router again changes no answer, so nothing else would notice.
#[tokio::test]
async fn captures_go_past_the_router_and_nothing_else_does() {
    let teapot = Router::new().fallback(|| async { StatusCode::IM_A_TEAPOT });
    let engine = Engine::start(|doors| Doors { router: teapot, ..doors }).await;
    let body = purchase("666", "one");
    let lines = format!("{KEY}content-length: {}\r\n", body.len());
    for (line, status) in [
        (format!("POST {CAPTURE_PAYMENT}"), "201"),
        (format!("POST {CAPTURE_PAYMENT}?key=value"), "201"),
        (format!("POST http://x{CAPTURE_PAYMENT}"), "201"),
        (format!("PUT {CAPTURE_PAYMENT}"), "418"),
        (format!("GET {CAPTURE_PAYMENT}"), "418"),
        (format!("HEAD {CAPTURE_PAYMENT}"), "418"),
        (format!("POST {CAPTURE_PAYMENT}/"), "418"),
        (format!("POST {CAPTURE_PAYMENT}s"), "418"),
        ("POST /api/v1/capture-event".to_owned(), "418"),
        ("POST /api/v1/signup".to_owned(), "418"),
        ("GET /health/live".to_owned(), "418"),
    ] {
        let request = request(&format!("{line} HTTP/1.1"), &lines, body.as_bytes());
        let answer = engine.answer(&request).await;
        assert_eq!(statuses(&answer), [status], "{line}: {answer}");
    }
}
