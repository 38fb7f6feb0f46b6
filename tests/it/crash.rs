//! `kill -9` under load: what was answered 201 is delivered, and stands once in the books.
//!
//! A producer posts unique payments over several connections and remembers every 201. After a
//! number of answers the process is killed; the requests that broke off are sent again after the
//! restart. At the end the producer's memory, the books and the sandbox must agree.
//!
//! The negative control was tried: with the loop over `payment.deliveries` in
//! `store/payments.rs::record` moved into a second job of the writer, this test fails every time
//! ("… was lost": recorded, and never delivered). What it cannot show is `PRAGMA synchronous = OFF`
//! or an answer before the sync: a killed *process* loses nothing that the kernel was given. Both
//! need a power cut, which is the next variant of [`Fault`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{self, KEY, Program};

/// How often the process dies.
const ROUNDS: usize = 20;

/// Connections of the producer.
const CONNECTIONS: usize = 16;

/// What may happen to the process while it is loaded. More faults are more variants.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It is killed without a word.
    Kill,
}

impl Fault {
    fn strike(self, program: &mut Program) {
        match self {
            Self::Kill => program.kill(),
        }
    }
}

/// What the producer remembers.
#[derive(Debug, Default)]
struct Memory {
    next: AtomicUsize,
    acknowledged: Mutex<BTreeSet<String>>,
    unanswered: Mutex<BTreeSet<String>>,
}

impl Memory {
    fn count(&self) -> usize {
        self.acknowledged.lock().expect("a lock").len()
    }
}

/// Shows LR-10, LR-40.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_under_load_loses_nothing_and_doubles_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let http = program::client();
    let memory = Arc::new(Memory::default());
    let mut random = fastrand::Rng::with_seed(0x7111_9057);

    let mut program = Program::start(folder.path());
    sign_up(&http, program.api).await;
    for round in 0..ROUNDS {
        let producers = produce(&http, program.api, &memory);
        let enough = memory.count() + random.usize(20..200);
        wait_until(|| memory.count() >= enough, "the producer is answered").await;
        Fault::Kill.strike(&mut program);
        for producer in producers {
            producer.await.expect("a producer ends when its connection breaks");
        }
        program = Program::start(folder.path());
        repeat_unanswered(&http, program.api, &memory, round).await;
    }
    drained(&program, &http).await;
    judge(&memory, &sandbox.events(), &program.books(&http).await);
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
}

async fn sign_up(http: &reqwest::Client, api: SocketAddr) {
    let body = r#"{"user_data":{"id":"666","email":"buyer@example.com"}}"#;
    let answer = http
        .post(format!("http://{api}/api/v1/signup"))
        .header("linkrunner-key", KEY)
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// Starts the connections; each posts until something breaks.
fn produce(
    http: &reqwest::Client,
    api: SocketAddr,
    memory: &Arc<Memory>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let connection = |_| {
        let (http, memory) = (http.clone(), Arc::clone(memory));
        tokio::spawn(async move {
            loop {
                let id = format!("k{}", memory.next.fetch_add(1, Ordering::Relaxed));
                if !post(&http, api, &id).await {
                    memory.unanswered.lock().expect("a lock").insert(id);
                    return;
                }
                memory.acknowledged.lock().expect("a lock").insert(id);
            }
        })
    };
    (0..CONNECTIONS).map(connection).collect()
}

/// Whether the payment was answered 201 with a recorded event.
async fn post(http: &reqwest::Client, api: SocketAddr, id: &str) -> bool {
    let sent = http
        .post(format!("http://{api}/api/v1/capture-payment"))
        .header("linkrunner-key", KEY)
        .body(crate::engine::purchase("666", id))
        .send()
        .await;
    let Ok(answer) = sent else { return false };
    assert_eq!(answer.status(), 201, "only the connection may break");
    let Ok(text) = answer.text().await else { return false };
    let Ok(body) = serde_json::from_str::<Value>(&text) else { return false };
    assert_eq!(body["data"]["verdict"], "forward", "{body}");
    true
}

/// A sender that never got its answer asks again, with the same key.
async fn repeat_unanswered(http: &reqwest::Client, api: SocketAddr, memory: &Memory, round: usize) {
    let ids = std::mem::take(&mut *memory.unanswered.lock().expect("a lock"));
    assert!(!ids.is_empty(), "round {round}: the kill struck requests under way");
    for id in ids {
        assert!(post(http, api, &id).await, "round {round}: {id} is answered after the restart");
        memory.acknowledged.lock().expect("a lock").insert(id);
    }
}

async fn drained(program: &Program, http: &reqwest::Client) {
    let started = Instant::now();
    loop {
        let books = program.books(http).await;
        if books["pending"] == 0 && books["retrying"] == 0 {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "it never drains: {books}");
    }
}

fn judge(memory: &Memory, events: &[tillpost::sandbox::ArrivedEvent], books: &Value) {
    let acknowledged = memory.acknowledged.lock().expect("a lock");
    let mut copies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in events {
        let id = event.event_id.as_deref().unwrap_or_default();
        copies.entry(id).or_default().push(&event.raw);
    }
    for id in acknowledged.iter() {
        assert!(copies.contains_key(format!("DEFAULT.{id}").as_str()), "{id} was lost");
    }
    assert_eq!(copies.len(), acknowledged.len(), "nothing arrived that nobody sent");
    for (id, raws) in &copies {
        assert!(raws.iter().all(|raw| raw == &raws[0]), "{id}: copies differ");
    }
    let recorded = books["recorded"].as_u64().and_then(|count| usize::try_from(count).ok());
    assert_eq!(recorded, Some(acknowledged.len()), "each stands once in the books: {books}");
    assert_eq!(books["delivered"], books["recorded"], "{books}");
    let resent = events.len() - copies.len();
    println!(
        "{ROUNDS} kills, {} payments answered 201, 0 lost, {resent} events sent twice",
        acknowledged.len()
    );
    assert!(acknowledged.len() >= ROUNDS * 20, "the load was real");
}

async fn wait_until(done: impl Fn() -> bool, what: &str) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        tokio::task::yield_now().await;
    }
}
