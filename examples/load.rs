//! A first load figure: durable captures a second, beside what this disk can sync.
//!
//! Starts the release binary with a sandbox in this process, posts unique purchases over N
//! connections (closed loop, keep-alive), and prints answers a second, p50, p99, memory and CPU
//! shares, next to the disk's own fdatasync rate measured in the same folder right before.
//!
//!     cargo build --release && cargo run --release --example load -- --connections 64 --seconds 5
//!
//! Every answer counted is a 201 of a new, recorded, forwarded payment; at the end all of them
//! have been delivered and the books are compared with the count.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a tool for engineers"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are printed with few digits"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use tillpost::clock::Clock;
use tillpost::sandbox::{self, Sandbox, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Measures durable captures a second.
#[derive(Debug, Parser)]
struct Arguments {
    /// Connections that post one payment after the other.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Prints one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

const KEY: &str = "load-server-key";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("load-").tempdir_in(".").expect("a folder");
    let sync = sync_rate(folder.path());
    let (sandbox, address) = oracle().await;
    let mut engine = Engine::start(folder.path(), address);
    let idle_kib = engine.memory_kib("VmRSS");
    post(engine.api, "/api/v1/signup", r#"{"user_data":{"id":"666","email":"buyer@example.com","phone":"+91 98765 43210","name":"Mary Smith","is_first_time_user":false}}"#).await;

    let next = Arc::new(AtomicU64::new(0));
    let before = (engine.cpu_ticks(), own_cpu_ticks());
    let started = Instant::now();
    let until = started + Duration::from_secs(arguments.seconds);
    let connections: Vec<_> = (0..arguments.connections)
        .map(|_| tokio::spawn(connection(engine.api, Arc::clone(&next), until)))
        .collect();
    let mut micros = Vec::new();
    for connection in connections {
        micros.extend(connection.await.expect("a connection"));
    }
    let took = started.elapsed();
    let after = (engine.cpu_ticks(), own_cpu_ticks());
    let draining = Instant::now();
    let answered = micros.len() as u64;
    let books = loop {
        let books = get(engine.admin, "/admin/v1/books").await;
        if books["pending"] == 0 {
            break books;
        }
        assert!(draining.elapsed() < Duration::from_mins(2), "it drains: {books}");
    };
    assert_eq!(books["recorded"].as_u64(), Some(answered), "every answer is in the books: {books}");
    assert_eq!(books["delivered"].as_u64(), Some(answered), "and delivered: {books}");
    assert_eq!(sandbox.received(), answered, "once each");

    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    let cores = |ticks: u64| ticks as f64 / 100.0 / took.as_secs_f64();
    let figures = serde_json::json!({
        "connections": arguments.connections,
        "seconds": took.as_secs_f64(),
        "answers": answered,
        "answers_per_second": (answered as f64 / took.as_secs_f64()).round(),
        "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999),
        "drained_after_ms": draining.elapsed().as_millis() as u64,
        "engine_cores": cores(after.0 - before.0),
        "generator_and_sandbox_cores": cores(after.1 - before.1),
        "idle_mib": idle_kib / 1024,
        "peak_mib": engine.memory_kib("VmHWM") / 1024,
        "fdatasync_p50_us": sync.0, "fdatasync_per_second": sync.1,
    });
    if arguments.json {
        println!("{figures}");
    } else {
        for (name, value) in figures.as_object().expect("an object") {
            println!("{name:>28}  {value}");
        }
    }
    engine.stop();
}

/// One connection: posts until the time is over, and returns how long each answer took.
async fn connection(api: SocketAddr, next: Arc<AtomicU64>, until: Instant) -> Vec<u64> {
    let mut stream = TcpStream::connect(api).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let mut buffer = Vec::with_capacity(4_096);
    let mut micros = Vec::new();
    while Instant::now() < until {
        let id = format!("load-{:016x}", scattered(next.fetch_add(1, Ordering::Relaxed)));
        let request = request("/api/v1/capture-payment", &purchase(&id));
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("written");
        let (head, body) = read(&mut stream, &mut buffer).await;
        micros.push(u64::try_from(started.elapsed().as_micros()).expect("a short time"));
        assert!(head.starts_with("HTTP/1.1 201"), "{head}\n{body}");
        assert!(
            body.contains(r#""verdict":"forward""#) && body.contains(r#""duplicate":false"#),
            "{body}"
        );
    }
    micros
}

/// Payment ids come in no order from real customers: neighbours are scattered.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A purchase of three lines, about 700 bytes.
fn purchase(id: &str) -> String {
    format!(
        r#"{{"user_id":"666","payment_id":"{id}","amount":4299.5,"type":"DEFAULT","status":"PAYMENT_COMPLETED","event_data":{{"content_ids":["whshct4mwc","bk-20841","tee-m-black"],"contents":[{{"id":"whshct4mwc","quantity":2,"item_price":1000}},{{"id":"bk-20841","quantity":1,"item_price":499.5}},{{"id":"tee-m-black","quantity":3,"item_price":600}}],"content_type":"product","currency":"INR","value":4299.5,"num_items":6,"order_id":"{id}","coupon":"FESTIVE10","channel":"app"}}}}"#
    )
}

fn request(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nlinkrunner-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer with a `content-length`.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (String, String) {
    buffer.clear();
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse::<usize>().ok())
                .expect("a length");
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]);
                return (head, body.into_owned());
            }
        }
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the engine hung up");
    }
}

async fn post(address: SocketAddr, path: &str, body: &str) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request(path, body).as_bytes()).await.expect("written");
    let (head, body) = read(&mut stream, &mut Vec::new()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
}

async fn get(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let (_, body) = read(&mut stream, &mut Vec::new()).await;
    serde_json::from_str(&body).expect("JSON")
}

async fn oracle() -> (Sandbox, SocketAddr) {
    let settings = Settings { keep_events: 1_000, ..Settings::default() };
    let sandbox = Sandbox::new(settings, Arc::new(|| Clock::System.now().seconds()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox.clone(), std::future::pending()));
    (sandbox, address)
}

/// p50 in microseconds and syncs a second of 4 KiB appends, over one second.
fn sync_rate(folder: &Path) -> (u64, u64) {
    let mut file = std::fs::File::create(folder.join("sync")).expect("a file");
    let (page, started) = ([7_u8; 4_096], Instant::now());
    let mut micros = Vec::new();
    while started.elapsed() < Duration::from_secs(1) {
        let one = Instant::now();
        file.write_all(&page).expect("written");
        file.sync_data().expect("synced");
        micros.push(u64::try_from(one.elapsed().as_micros()).expect("a short time"));
    }
    micros.sort_unstable();
    (micros[micros.len() / 2], micros.len() as u64)
}

/// The release binary in a process of its own.
struct Engine {
    child: Child,
    api: SocketAddr,
    admin: SocketAddr,
}

impl Engine {
    fn start(folder: &Path, sandbox: SocketAddr) -> Self {
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[[projects]]\nname = \"shop\"\nserver_key = {{ env = \"LOAD_KEY\" }}\nmapping = \"commerce.toml\"\n[datasets.storefront]\nid = \"1\"\naccess_token = {{ env = \"LOAD_KEY\" }}\nendpoint = \"http://{sandbox}\"\n"
        );
        std::fs::write(folder.join("tillpost.toml"), config).expect("a configuration");
        let mapping = include_str!("../mappings/commerce.toml");
        std::fs::write(folder.join("commerce.toml"), mapping).expect("a mapping");
        let beside = std::env::current_exe().expect("a path");
        let binary = beside.ancestors().nth(2).expect("target/release").join("tillpost");
        let mut child = Command::new(&binary)
            .args(["serve", "--format", "json", "--log", "warn"])
            .current_dir(folder)
            .env("LOAD_KEY", KEY)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; run `cargo build --release` first", binary.display())
            });
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let address =
            |key: &str| ready[key].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Self { api: address("api"), admin: address("admin"), child }
    }

    /// A field of `/proc/PID/status` in KiB.
    fn memory_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("Linux");
        let line = status.lines().find(|line| line.starts_with(field)).expect("a field");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    fn cpu_ticks(&self) -> u64 {
        cpu_ticks(&self.child.id().to_string())
    }

    fn stop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn own_cpu_ticks() -> u64 {
    cpu_ticks("self")
}

/// User and system time of a process, in hundredths of a second.
fn cpu_ticks(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}
