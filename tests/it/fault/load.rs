//! The producer and the judge.
//!
//! The producer posts unique payments over several connections and remembers every answer: 201 is a
//! promise, 503 and a broken connection are none, and such a payment is sent again. The judge gives
//! back what is wrong, so that a control can demand that something is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tillpost::sandbox::{ArrivedEvent, Sandbox};
use tokio::task::JoinHandle;

use crate::program::{self, KEY, Program};

/// Connections of the producer.
pub(super) const CONNECTIONS: usize = 16;

/// How often an answer is timed, of which the quickest counts: a machine that others use may stand
/// still for a second.
pub(super) const TRIES: usize = 3;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// 201: a promise.
    Taken,
    /// 503 with the time to wait: no promise.
    Refused,
    /// The connection broke, or nobody answered in time.
    Broken,
}

/// The producer's memory.
#[derive(Debug, Default)]
struct Memory {
    next: AtomicUsize,
    taken: Mutex<BTreeSet<String>>,
    unanswered: Mutex<BTreeSet<String>>,
    refused: AtomicUsize,
}

/// A producer of payments.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) http: reqwest::Client,
    memory: Arc<Memory>,
}

impl Load {
    pub(super) fn new() -> Self {
        Self { http: program::client(), memory: Arc::default() }
    }

    /// The same memory, with a client that waits only so long for an answer.
    pub(super) fn impatient(&self, patience: Duration) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(patience).build();
        Self { http: http.expect("a client"), memory: Arc::clone(&self.memory) }
    }

    /// How many payments were promised.
    pub(super) fn taken(&self) -> usize {
        self.memory.taken.lock().expect("a lock").len()
    }

    /// Which payments were promised so far.
    pub(super) fn taken_ids(&self) -> Vec<String> {
        self.memory.taken.lock().expect("a lock").iter().cloned().collect()
    }

    /// How many requests were refused.
    pub(super) fn refused(&self) -> usize {
        self.memory.refused.load(Ordering::Relaxed)
    }

    /// How many requests were not answered, or refused.
    pub(super) fn unanswered(&self) -> usize {
        self.memory.unanswered.lock().expect("a lock").len()
    }

    pub(super) async fn sign_up(&self, api: SocketAddr) {
        let body = r#"{"user_data":{"id":"666","email":"buyer@example.com"}}"#;
        let url = format!("http://{api}/api/v1/signup");
        let request = self.http.post(url).header("linkrunner-key", KEY).body(body);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }

    /// Starts the connections; each posts until something is not taken.
    pub(super) fn start(&self, api: SocketAddr) -> Vec<JoinHandle<()>> {
        let connection = |_| {
            let load = self.clone();
            tokio::spawn(async move { while load.one(api).await == Answered::Taken {} })
        };
        (0..CONNECTIONS).map(connection).collect()
    }

    /// Posts one new payment.
    pub(super) async fn one(&self, api: SocketAddr) -> Answered {
        let id = format!("k{}", self.memory.next.fetch_add(1, Ordering::Relaxed));
        self.post(api, id).await
    }

    /// A sender that was not answered asks again, with the same key, until nothing is left.
    pub(super) async fn repeat(&self, api: SocketAddr) {
        let ids = std::mem::take(&mut *self.memory.unanswered.lock().expect("a lock"));
        for id in ids {
            assert_eq!(self.post(api, id.clone()).await, Answered::Taken, "{id} is sent again");
        }
    }

    async fn post(&self, api: SocketAddr, id: String) -> Answered {
        let answered = self.answer(api, &id).await;
        match answered {
            Answered::Taken => {
                self.memory.taken.lock().expect("a lock").insert(id);
            }
            Answered::Refused => {
                self.memory.refused.fetch_add(1, Ordering::Relaxed);
                self.memory.unanswered.lock().expect("a lock").insert(id);
            }
            Answered::Broken => {
                self.memory.unanswered.lock().expect("a lock").insert(id);
            }
        }
        answered
    }

    async fn answer(&self, api: SocketAddr, id: &str) -> Answered {
        let url = format!("http://{api}/api/v1/capture-payment");
        let body = crate::engine::purchase("666", id);
        let sent = self.http.post(url).header("linkrunner-key", KEY).body(body).send().await;
        let Ok(answer) = sent else { return Answered::Broken };
        if answer.status() == 503 {
            assert!(answer.headers().contains_key("retry-after"), "503 says when to come again");
            return Answered::Refused;
        }
        assert_eq!(answer.status(), 201, "taken, or refused for a while");
        let Ok(text) = answer.text().await else { return Answered::Broken };
        let Ok(body) = serde_json::from_str::<Value>(&text) else { return Answered::Broken };
        assert_eq!(body["data"]["verdict"], "forward", "{body}");
        Answered::Taken
    }

    /// Waits until everything in the books is delivered.
    pub(super) async fn drained(&self, program: &Program) -> Value {
        let started = Instant::now();
        loop {
            let books = program.books(&self.http).await;
            if books["pending"] == 0 && books["retrying"] == 0 {
                return books;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "it never drains: {books}");
        }
    }

    /// Everything that is wrong: promises that were not kept, payments that stand twice, copies that
    /// differ, sums that do not add up.
    pub(super) fn judge(&self, sandbox: &Sandbox, books: &Value) -> Vec<String> {
        let taken = self.memory.taken.lock().expect("a lock");
        let events = sandbox.events();
        let mut copies: BTreeMap<&str, Vec<&ArrivedEvent>> = BTreeMap::new();
        for event in &events {
            copies.entry(event.event_id.as_deref().unwrap_or_default()).or_default().push(event);
        }
        let mut wrong = Vec::new();
        for id in taken.iter().filter(|id| !copies.contains_key(format!("DEFAULT.{id}").as_str())) {
            wrong.push(format!("{id} was answered 201 and never arrived"));
        }
        if copies.len() != taken.len() {
            wrong.push(format!("{} arrived, {} were answered 201", copies.len(), taken.len()));
        }
        for (id, events) in &copies {
            if events.iter().any(|event| event.raw != events[0].raw) {
                wrong.push(format!("{id}: copies differ"));
            }
        }
        if books["recorded"].as_u64() != u64::try_from(taken.len()).ok() {
            wrong.push(format!("{} were answered 201, the books say {books}", taken.len()));
        }
        if books["delivered"] != books["recorded"] {
            wrong.push(format!("recorded and not delivered: {books}"));
        }
        let again = events.len() - copies.len();
        println!("{} answered 201, {again} events sent twice, wrong: {}", taken.len(), wrong.len());
        wrong.truncate(10);
        wrong
    }
}

/// Waits until something is so, which takes less than a minute.
pub(super) async fn wait_until(done: impl Fn() -> bool, what: &str) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        tokio::task::yield_now().await;
    }
}

/// Waits for the connections to end.
pub(super) async fn ended(connections: Vec<JoinHandle<()>>) {
    for connection in connections {
        connection.await.expect("a connection ends when something is not taken");
    }
}
