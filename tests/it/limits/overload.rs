//! More than can be worked off: the rest is told to come again at once, and nothing that was
//! promised is lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tillpost::http::CAPTURES_MAX;
use tillpost::sandbox::Sandbox;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::talk::{Reply, ask, capture, connect, get, percentile, sign_up, whole};
use crate::program::{self, Program};

/// Captures beyond the bound while the disk stands still.
const BEYOND: usize = 64;

/// A write lock on the database of the program: to the writer, a disk that does not answer.
fn stalled(folder: &Path) -> rusqlite::Connection {
    let disk = rusqlite::Connection::open(folder.join("tillpost-data/tillpost.db"));
    let disk = disk.expect("the database");
    disk.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    disk
}

async fn started(folder: &Path) -> (Program, Sandbox) {
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder, address);
    let program = Program::start(folder);
    sign_up(&program).await;
    (program, sandbox)
}

/// Everything that was promised is in the books and has arrived, and nothing else.
async fn judge(program: &Program, sandbox: &Sandbox, taken: &BTreeSet<String>) {
    let http = program::client();
    let began = Instant::now();
    let books = loop {
        let books: Value = program.books(&http).await;
        if books["pending"] == 0 && books["retrying"] == 0 {
            break books;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "it never drains: {books}");
    };
    let arrived: BTreeSet<String> =
        sandbox.events().into_iter().filter_map(|event| event.event_id).collect();
    let promised: BTreeSet<String> = taken.iter().map(|id| format!("DEFAULT.{id}")).collect();
    assert_eq!(promised.difference(&arrived).count(), 0, "promised and never arrived");
    assert_eq!(arrived.difference(&promised).count(), 0, "arrived and never promised");
    assert_eq!(books["recorded"].as_u64(), u64::try_from(taken.len()).ok(), "{books}");
}

/// What must work while the disk stalls, and how the rest is refused. A connection to go on with.
async fn others_are_served(program: &Program) -> TcpStream {
    // Whoever only looks is served, and learns how things stand.
    let mut operator = connect(program.admin).await;
    for path in ["/admin/v1/books", "/admin/v1/payments", "/admin/v1/datasets"] {
        assert_eq!(ask(&mut operator, &get(path)).await.expect("an answer").status, 200, "{path}");
    }
    let metrics = ask(&mut operator, &get("/metrics")).await.expect("an answer").body;
    let counted =
        format!("tillpost_refused_requests_total{{because=\"captures_under_way\"}} {BEYOND}");
    assert!(metrics.contains(&counted), "{metrics}");
    let mut visitor = connect(program.api).await;
    assert_eq!(ask(&mut visitor, &get("/health/live")).await.expect("an answer").status, 200);
    // A refusal has the shape of its family, and a route that takes nothing new is no capture.
    let site = r#"{"faurya_visitor_id":"v","transaction_id":"t","amount":1,"currency":"INR"}"#;
    let reply = ask(&mut visitor, &of_site(site)).await.expect("an answer");
    assert!(reply.status == 503 && reply.has_retry_after(), "{reply:?}");
    assert!(reply.body.starts_with(r#"{"status":"error","error":{"code":503,"#), "{}", reply.body);
    for path in ["signup", "capture-event", "capture-payments", "visitors"] {
        let request = whole(&format!("/api/v1/{path}"), "{}");
        let reply = ask(&mut visitor, &request).await.expect("an answer");
        assert!(reply.status == 503 && reply.has_retry_after(), "{path}: {reply:?}");
    }
    for path in ["/api/client/init", "/api/client/capture-payment", "/webhooks/stripe/shop"] {
        let reply = ask(&mut visitor, &whole(path, "{}")).await.expect("an answer");
        assert!(reply.status == 503 && reply.has_retry_after(), "{path}: {reply:?}");
        assert!(reply.body.starts_with(r#"{"msg":"#), "{path}: {reply:?}");
    }
    let unknown = whole("/api/v1/remove-payment", "[]");
    assert_eq!(ask(&mut visitor, &unknown).await.expect("an answer").status, 400);
    visitor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_stalls_so_many_wait_and_the_rest_is_turned_away_at_once() {
    let folder = TempDir::new().expect("a folder");
    let (program, sandbox) = started(folder.path()).await;
    let mut streams = Vec::new();
    for _ in 0..CAPTURES_MAX + BEYOND {
        streams.push(connect(program.api).await);
    }
    let disk = stalled(folder.path());
    let asked = Arc::new(AtomicUsize::new(0));
    let refused = Arc::new(AtomicUsize::new(0));
    let asking = streams.into_iter().enumerate().map(|(number, mut stream)| {
        let (asked, refused) = (Arc::clone(&asked), Arc::clone(&refused));
        tokio::spawn(async move {
            let id = format!("stalled-{number}");
            asked.fetch_add(1, Ordering::Relaxed);
            let reply = ask(&mut stream, &capture(&id)).await.expect("an answer");
            if reply.status == 503 {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            (id, reply)
        })
    });
    let asking: Vec<_> = asking.collect();
    crate::limits::until(|| refused.load(Ordering::Relaxed) == BEYOND, "the rest is refused").await;

    let mut visitor = others_are_served(&program).await;

    // The removal waits for the same disk, but in its own right.
    let removing = tokio::spawn(async move {
        let body = r#"{"payment_id":"never"}"#;
        ask(&mut visitor, &whole("/api/v1/remove-payment", body)).await.expect("an answer")
    });
    disk.execute_batch("ROLLBACK").expect("an end of the lock");
    assert_eq!(removing.await.expect("an end").status, 400, "nothing to remove, and said so");
    let (mut taken, mut refusals) = (BTreeSet::new(), Vec::new());
    for asked in asking {
        let (id, reply) = asked.await.expect("an end");
        match reply.status {
            201 => drop(taken.insert(id)),
            503 if reply.has_retry_after() => refusals.push(reply.took),
            _ => panic!("neither taken nor refused: {reply:?}"),
        }
    }
    // The writer gives up on a lock after five seconds, which a very busy machine may take.
    assert_eq!(taken.len() + refusals.len(), CAPTURES_MAX + BEYOND);
    assert!(refusals.len() >= BEYOND, "{}", refusals.len());
    println!("refused: p99 {:?}", percentile(&mut refusals, 99));
    // Every place is free again.
    let mut stream = connect(program.api).await;
    for number in 0..10 {
        let id = format!("afterwards-{number}");
        let reply = ask(&mut stream, &capture(&id)).await.expect("an answer");
        assert_eq!(reply.status, 201, "{reply:?}");
        taken.insert(id);
    }
    judge(&program, &sandbox, &taken).await;
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

fn of_site(body: &str) -> Vec<u8> {
    let key = program::SITE_KEY;
    let head = format!(
        "POST /api/v1/payments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    head.into_bytes().into_iter().chain(body.bytes()).collect()
}

/// What many connections met.
#[derive(Debug, Default)]
struct Met {
    taken: BTreeSet<String>,
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Met {
    fn add(&mut self, id: String, reply: &Reply) {
        match reply.status {
            201 => {
                self.taken.insert(id);
                self.accepted.push(reply.took);
            }
            503 if reply.has_retry_after() => self.refused.push(reply.took),
            _ => panic!("neither taken nor refused: {reply:?}"),
        }
    }

    fn join(&mut self, other: Self) {
        self.taken.extend(other.taken);
        self.accepted.extend(other.accepted);
        self.refused.extend(other.refused);
    }
}

/// How a load comes.
#[derive(Debug, Clone, Copy)]
struct Load {
    connections: usize,
    /// Between two requests of one connection, if there is any: an open loop asks on time, however
    /// the answers come.
    every: Option<Duration>,
    lasts: Duration,
}

/// Posts by many connections from threads of their own.
async fn load(threads: &Runtime, api: SocketAddr, name: &str, load: Load) -> Met {
    let began = Instant::now();
    let connection = |number: usize| {
        let name = format!("{name}-{number}");
        async move {
            let mut stream = connect(api).await;
            let mut met = Met::default();
            let mut pace = load.every.map(tokio::time::interval);
            for round in 0.. {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                if began.elapsed() >= load.lasts {
                    break;
                }
                let id = format!("{name}-{round}");
                let reply = ask(&mut stream, &capture(&id)).await.expect("an answer");
                met.add(id, &reply);
            }
            met
        }
    };
    let running: Vec<_> =
        (0..load.connections).map(|number| threads.spawn(connection(number))).collect();
    let mut all = Met::default();
    for one in running {
        all.join(one.await.expect("every answer is 201 or 503"));
    }
    all
}

/// Connections of the overload: more than may wait, fewer than may be open.
const CROWD: usize = CAPTURES_MAX + 512;

/// Memory that an overload may cost beyond what a full load costs, in KiB.
const GROWTH_MAX_KIB: u64 = 128 * 1_024;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn five_times_what_fits_costs_the_crowd_and_nobody_else() {
    let folder = TempDir::new().expect("a folder");
    let (program, sandbox) = started(folder.path()).await;
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let threads = threads.expect("threads");
    let seconds =
        std::env::var("LIMIT_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let lasts = Duration::from_secs(seconds);
    let brief = Duration::from_secs(seconds.min(10));
    let per_second = |met: &Met, lasts: Duration| count(met.accepted.len()) / lasts.as_secs_f64();

    let alone = Load { connections: 1, every: None, lasts: brief };
    let mut unloaded = load(&threads, program.api, "alone", alone).await;
    let full = Load { connections: 256, every: None, lasts: brief };
    let mut peak = load(&threads, program.api, "full", full).await;
    let capacity = per_second(&peak, brief);
    let before = program.resident_kib();
    let every = Duration::from_secs_f64(count(CROWD) / (5.0 * capacity.max(1.0)));
    let crowd = Load { connections: CROWD, every: Some(every), lasts };
    let mut over = load(&threads, program.api, "crowd", crowd).await;
    let after = program.resident_kib();
    let mut later = load(&threads, program.api, "later", alone).await;

    let p99 = |times: &mut Vec<Duration>| percentile(times, 99);
    println!(
        "capacity {capacity:.0}/s (p99 {:?}); 5 times that for {seconds} s: {:.0}/s taken, p99 {:?}; {} refused, \
         p99 {:?}; alone p99 {:?}, afterwards {:?}; resident {before} KiB, then {after} KiB",
        p99(&mut peak.accepted),
        per_second(&over, lasts),
        p99(&mut over.accepted),
        over.refused.len(),
        p99(&mut over.refused),
        p99(&mut unloaded.accepted),
        p99(&mut later.accepted),
    );
    assert!(unloaded.refused.is_empty() && later.refused.is_empty(), "nobody else is turned away");
    assert!(peak.refused.is_empty(), "256 at once fit");
    assert!(after < before + GROWTH_MAX_KIB, "{before} KiB, then {after} KiB");
    for met in [over, peak, later] {
        unloaded.join(met);
    }
    judge(&program, &sandbox, &unloaded.taken).await;
    threads.shutdown_background();
}
