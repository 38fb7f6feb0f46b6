//! Random damage to the files of the books, before a start and under a running engine.
//!
//! Each round copies prepared books, flips bytes of a file or cuts it, and starts the engine in this
//! process (now and then as a process of its own). It must refuse, or run, and stop in time; what
//! arrives must be what was stored, byte for byte; and a salvage must find what was not struck. The
//! control is books without checksums, in which a letter of an event is changed: there the judge must
//! find a wrong body. Long: `FAULT_ROUNDS=1000`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rusqlite::Connection;
use tempfile::TempDir;
use tillpost::app::{App, StartError};
use tillpost::clock::Clock;
use tillpost::config::{self, Config, System, World};
use tillpost::sandbox::{Sandbox, Script};
use tillpost::store::{Store, StoreError, beside, salvage};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{rounds, seeded};
use crate::engine::{TRIES_MAX, purchase};
use crate::program::{self, KEY, Program, printed, run};

const PAGE: usize = 8192;

/// Payments of the prepared books: these are delivered, and as many wait.
const PAYMENTS: usize = 200;

/// The folder's files, and secrets from nowhere.
#[derive(Debug)]
struct Folder;

impl World for Folder {
    fn file(&self, path: &Path) -> std::io::Result<String> {
        System.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        Some(if name == "SHOP_SERVER_KEY" { KEY.to_owned() } else { format!("secret-{name}") })
    }
}

/// A configured folder whose requests to Meta are small, so that there are many moments to strike.
fn configured(folder: &Path, sandbox: SocketAddr) -> PathBuf {
    Program::configure(folder, sandbox);
    let path = folder.join("tillpost.toml");
    let mut config = std::fs::read_to_string(&path).expect("a configuration");
    config.push_str("\nbatch_events = 20\n");
    std::fs::write(path, config).expect("a configuration");
    let data = folder.canonicalize().expect("a folder").join("tillpost-data");
    std::fs::create_dir_all(&data).expect("a folder");
    data.join("tillpost.db")
}

/// An engine in this process.
struct Running {
    api: SocketAddr,
    store: Store,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    async fn start(folder: &Path) -> Result<Self, StartError> {
        let (config, _) = config::load(&folder.join("tillpost.toml"), &Folder);
        let config = config.expect("a good configuration");
        let app = opened(&config).await?;
        let (api, store) = (app.public_address().expect("an address"), app.desk().store.clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.run(async move { drop(stopped.await) }));
        Ok(Self { api, store, stop, task })
    }

    /// Waits until everything is sent, the engine has ended by itself, or a moment is over: what
    /// damage holds up must not hold up the round.
    async fn settled(&self) {
        self.settled_within(Duration::from_millis(800)).await;
    }

    /// The same with another moment.
    async fn settled_within(&self, moment: Duration) {
        let started = Instant::now();
        while !self.task.is_finished() && started.elapsed() < moment {
            if self.store.books().await.is_ok_and(|books| books.pending + books.retrying == 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Stops it: whether it had failed, and how long the stop took.
    async fn stop(self) -> (bool, Duration) {
        let asked = Instant::now();
        drop(self.stop);
        let ended = self.task.await.expect("no panic ends it");
        (ended.is_err(), asked.elapsed())
    }
}

/// The service on its books, as soon as no fork of another test holds them (`engine::opened`).
async fn opened(config: &Config) -> Result<App, StartError> {
    let mut tries = 0;
    loop {
        match App::build(config, Clock::System, Arc::new(Folder)).await {
            Err(StartError::Store(StoreError::InUse { .. })) if tries < TRIES_MAX => tries += 1,
            built => return built,
        }
        Clock::System.sleep_millis(1).await;
    }
}

/// Books to be damaged.
struct Prepared {
    /// The files after a graceful stop, and after a kill: one alone, and one with its log.
    stopped: TempDir,
    killed: TempDir,
    /// Each event as it was stored, by its id and by its number.
    by_id: BTreeMap<String, String>,
    by_number: BTreeMap<i64, String>,
    /// On which page of the stopped books each event stands.
    page_of: BTreeMap<i64, usize>,
}

impl Prepared {
    async fn new() -> Self {
        let (sandbox, address) = program::oracle().await;
        let folder = TempDir::new().expect("a folder");
        let path = configured(folder.path(), address);
        let engine = Running::start(folder.path()).await.expect("a start");
        let http = program::client();
        let post = async |route: &str, body: String| {
            let url = format!("http://{}/api/v1/{route}", engine.api);
            let sent = http.post(url).header("linkrunner-key", KEY).body(body).send().await;
            assert!(sent.expect("an answer").status().is_success(), "{route}");
        };
        let user = r#"{"user_data":{"id":"666","email":"buyer@example.com"}}"#;
        post("signup", user.to_owned()).await;
        for fault in ["", r#"{"do":"fail","status":503}"#] {
            let script = format!(r#"{{"faults":[{fault}]}}"#);
            sandbox.set_faults(Script::read(script.as_bytes()).expect("a script"));
            let mut lines = String::new();
            for number in 0..PAYMENTS {
                let id = format!("{}-{number}", if fault.is_empty() { "sent" } else { "waits" });
                writeln!(lines, "{}", purchase("666", &id)).expect("a line");
            }
            post("capture-payments", lines).await;
            if fault.is_empty() {
                engine.settled().await;
            }
        }
        let killed = TempDir::new().expect("a folder");
        for ending in ["", "-wal"] {
            let file = format!("tillpost.db{ending}");
            std::fs::copy(path.with_file_name(&file), killed.path().join(file)).expect("a copy");
        }
        assert!(!engine.stop().await.0, "a graceful stop");
        let stopped = TempDir::new().expect("a folder");
        std::fs::copy(&path, stopped.path().join("tillpost.db")).expect("a copy");

        let books = Connection::open(&path).expect("a database");
        let mut rows =
            books.prepare("SELECT seq, body FROM deliveries ORDER BY seq").expect("rows");
        let rows = rows.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let by_number: BTreeMap<i64, String> =
            rows.expect("rows").collect::<Result<_, _>>().expect("rows");
        let by_id = by_number.values().map(|body| (id_of(body), body.clone())).collect();
        let leaves = "SELECT pageno, ncell FROM dbstat
                      WHERE name = 'deliveries' AND pagetype = 'leaf' ORDER BY path";
        let mut numbers = by_number.keys();
        let mut page_of = BTreeMap::new();
        let mut leaves = books.prepare(leaves).expect("a look at the pages");
        let mut leaves = leaves.query([]).expect("pages");
        while let Some(leaf) = leaves.next().expect("a page") {
            let (page, rows): (usize, usize) = (leaf.get(0).expect("a"), leaf.get(1).expect("b"));
            page_of.extend(numbers.by_ref().take(rows).map(|number| (*number, page)));
        }
        assert_eq!(page_of.len(), 2 * PAYMENTS, "each event stands on a page");
        Self { stopped, killed, by_id, by_number, page_of }
    }

    /// Copies the books to this place.
    fn copy(&self, killed: bool, path: &Path) {
        let from = if killed { &self.killed } else { &self.stopped };
        for file in std::fs::read_dir(from.path()).expect("files") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), path.with_file_name(file.file_name())).expect("a copy");
        }
    }

    /// What arrived and is not what was stored.
    fn judge(&self, sandbox: &Sandbox) -> Vec<String> {
        let events = sandbox.events().into_iter();
        let wrong = events.filter(|event| {
            let id = event.event_id.as_deref().unwrap_or_default();
            match self.by_id.get(id) {
                Some(stored) => *stored != event.raw,
                None => !id.starts_with("DEFAULT.live") || self.differs(id, &event.raw),
            }
        });
        wrong.map(|event| event.raw).take(5).collect()
    }

    /// Whether an event that was captured meanwhile differs from the others by more than its id and
    /// its time.
    fn differs(&self, id: &str, raw: &str) -> bool {
        let plain = |id: &str, raw: &str| {
            let mut event: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
            if let Some(fields) = event.as_object_mut() {
                fields.remove("event_time");
            }
            event.to_string().replace(id.trim_start_matches("DEFAULT."), "ID")
        };
        let (stored_id, stored) = self.by_id.first_key_value().expect("an event");
        plain(id, raw) != plain(stored_id, stored)
    }
}

fn id_of(body: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(body).expect("an event");
    event["event_id"].as_str().expect("an id").to_owned()
}

/// Strikes a file: which bytes, or from where on nothing is left.
fn strike(random: &mut Rng, path: &Path, may_cut: bool) -> BTreeSet<usize> {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let length = usize::try_from(file.metadata().expect("a length").len()).expect("a length");
    if length == 0 {
        return BTreeSet::new();
    }
    if may_cut && random.u8(..7) == 0 {
        let left = random.usize(..length);
        file.set_len(left as u64).expect("a cut");
        return (left / PAGE + 1..=length / PAGE).collect();
    }
    let places = (0..[1, 3, 10, 50][random.usize(..4)]).map(|_| random.usize(..length));
    let places: BTreeSet<usize> = places.collect();
    for at in &places {
        let mut byte = [0];
        file.read_exact_at(&mut byte, *at as u64).expect("a byte");
        byte[0] ^= random.u8(1..);
        file.write_all_at(&byte, *at as u64).expect("a byte");
    }
    places.into_iter().map(|at| at / PAGE + 1).collect()
}

/// How the rounds went.
#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    failed: u32,
    ran: u32,
    arrived: usize,
    slowest_stop: Duration,
    undamaged: usize,
    salvaged: usize,
    salvages_refused: u32,
}

/// Everything that is wrong after one round before a start.
async fn before_a_start(prepared: &Prepared, random: &mut Rng, tally: &mut Tally) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    let path = configured(folder.path(), address);
    let killed = random.u8(..3) == 0;
    prepared.copy(killed, &path);
    let side = ["lock", "ballast", "admin", "damaged"][random.usize(..4)];
    let struck = match random.u8(..10) {
        0 => {
            std::fs::write(beside(&path, side), vec![random.u8(..); random.usize(..5_000)])
                .expect("a side file");
            BTreeSet::new()
        }
        1..5 if killed => {
            strike(random, &path.with_file_name("tillpost.db-wal"), true);
            BTreeSet::new()
        }
        _ => strike(random, &path, true),
    };
    let mut wrong = Vec::new();
    if !killed {
        salvaged(prepared, &path, &struck, (tally, &mut wrong));
    }
    if random.u8(..50) == 0 {
        as_a_process(folder.path(), tally, &mut wrong);
    } else {
        match Running::start(folder.path()).await {
            Err(StartError::Store(StoreError::Damaged(_) | StoreError::NewerSchema { .. })) => {
                tally.refused += 1;
            }
            Err(other) => wrong.push(format!("refused without a hint: {other:?}")),
            Ok(engine) => {
                engine.settled().await;
                ended(engine, tally, &mut wrong).await;
            }
        }
    }
    tally.arrived += sandbox.events().len();
    wrong.extend(prepared.judge(&sandbox));
    wrong
}

/// The same damage while the engine runs, has events under way and takes payments.
async fn under_a_running_engine(
    prepared: &Prepared,
    random: &mut Rng,
    tally: &mut Tally,
) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    let slow = r#"{"faults":[{"do":"stall","ms":3}]}"#;
    sandbox.set_faults(Script::read(slow.as_bytes()).expect("a script"));
    let path = configured(folder.path(), address);
    prepared.copy(random.bool(), &path);
    let engine = Running::start(folder.path()).await.expect("whole books");
    let (http, url) = (program::client(), format!("http://{}/api/v1/capture-payment", engine.api));
    let moment = random.usize(..8);
    for number in 0..8 {
        if number == moment {
            // The file with the log's index is shared memory: to cut it would end this process.
            let log = path.with_file_name("tillpost.db-wal");
            let is_log = log.exists() && random.u8(..3) == 0;
            strike(random, if is_log { &log } else { &path }, !is_log);
        }
        let body = purchase("666", &format!("live{number}"));
        let sent = http.post(&url).header("linkrunner-key", KEY).body(body).send().await;
        // 201, or 500 and 503 once it has noticed, or nobody there any more.
        drop(sent);
    }
    engine.settled().await;
    let mut wrong = Vec::new();
    ended(engine, tally, &mut wrong).await;
    tally.arrived += sandbox.events().len();
    wrong.extend(prepared.judge(&sandbox));
    wrong
}

async fn ended(engine: Running, tally: &mut Tally, wrong: &mut Vec<String>) {
    let (failed, took) = engine.stop().await;
    tally.slowest_stop = tally.slowest_stop.max(took);
    if took > Duration::from_secs(10) {
        wrong.push(format!("it took {took:?} to stop"));
    }
    tally.failed += u32::from(failed);
    tally.ran += u32::from(!failed);
}

/// The real program: it is refused with exit code 2 and the doctor named, or is ready and stops.
fn as_a_process(folder: &Path, tally: &mut Tally, wrong: &mut Vec<String>) {
    match Program::try_start(folder, &[]) {
        Err(code) => {
            let says = run(folder, &["serve"]);
            tally.refused += 1;
            if code != Some(2) || !printed(&says).contains("tillpost") {
                wrong.push(format!("{code:?}: {}", printed(&says)));
            }
        }
        Ok(mut program) => {
            let asked = Instant::now();
            let code = program.terminate();
            tally.ran += 1;
            if !matches!(code, Some(0 | 1)) || asked.elapsed() > Duration::from_secs(10) {
                wrong.push(format!("{code:?} after {:?}", asked.elapsed()));
            }
        }
    }
}

/// Salvages the damaged books: what was not struck must be there, and nothing that is not true.
fn salvaged(
    prepared: &Prepared,
    path: &Path,
    struck: &BTreeSet<usize>,
    (tally, wrong): (&mut Tally, &mut Vec<String>),
) {
    let into = path.with_file_name("salvaged.db");
    let is_whole = |(_, page): &(&i64, &usize)| !struck.contains(page);
    let undamaged: BTreeSet<i64> =
        prepared.page_of.iter().filter(is_whole).map(|(number, _)| *number).collect();
    tally.undamaged += undamaged.len();
    if let Err(error) = salvage(path, &into, Clock::System.now()) {
        tally.salvages_refused += 1;
        println!("{} pages struck: nothing is salvaged: {error}", struck.len());
        return;
    }
    let books = Connection::open(&into).expect("salvaged books");
    let mut rows = books.prepare("SELECT seq, body FROM deliveries").expect("rows");
    let rows = rows.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let rows: BTreeMap<i64, String> = rows.expect("rows").collect::<Result<_, _>>().expect("rows");
    let untrue = rows.iter().filter(|(number, body)| prepared.by_number.get(number) != Some(*body));
    wrong.extend(untrue.map(|(number, body)| format!("salvaged {number} as {body}")).take(3));
    let found = undamaged.iter().filter(|number| rows.contains_key(number)).count();
    if found < undamaged.len() {
        println!("{} pages struck: {found} of {} salvaged", struck.len(), undamaged.len());
    }
    tally.salvaged += found;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bytes_and_cut_files_send_nothing_wrong_and_lose_little() {
    let (mut random, rounds) = (seeded(), rounds(40));
    let prepared = Prepared::new().await;
    let (mut before, mut under) = (Tally::default(), Tally::default());
    for round in 0..rounds {
        let wrong = if round % 2 == 0 {
            before_a_start(&prepared, &mut random, &mut before).await
        } else {
            under_a_running_engine(&prepared, &mut random, &mut under).await
        };
        assert_eq!(wrong, Vec::<String>::new(), "round {round}");
    }
    println!("{rounds} rounds\nbefore a start: {before:?}\nunder a running engine: {under:?}");
    assert!(before.refused > 0 && before.ran > 0 && under.ran > 0, "both happened");
    assert!(before.arrived > 0 && under.arrived > 0, "something was sent");
    assert!(before.salvaged * 100 >= before.undamaged * 99, "{before:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_notices_a_changed_letter_where_no_checksum_is_compared() {
    let prepared = Prepared::new().await;
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    let path = configured(folder.path(), address);
    prepared.copy(false, &path);
    let books = Connection::open(&path).expect("a database");
    books.execute("UPDATE deliveries SET checksum = NULL", []).expect("no checksums");
    drop(books);
    let mut bytes = std::fs::read(&path).expect("a file");
    // In the latest event that stands on one page: the mail's digest is still one after the change.
    // Its bytes are looked for as a whole, since the payment holds the same digest; and wherever they
    // stand, since a page that was divided may hold what nothing leads to any more.
    let mail = "\"em\":[\"";
    let places = |body: &str| {
        let body = body.as_bytes();
        let stands = |part: &(usize, &[u8])| part.1 == body;
        let at = bytes.windows(body.len()).enumerate().filter(stands).map(|(at, _)| at);
        at.collect::<Vec<_>>()
    };
    let struck = prepared.by_number.values().rev().find_map(|body| {
        let (places, letter) = (places(body), body.find(mail)? + mail.len());
        (!places.is_empty()).then(|| places.iter().map(|at| at + letter).collect::<Vec<_>>())
    });
    for at in struck.expect("an event") {
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    }
    std::fs::write(&path, bytes).expect("a file");
    let engine = Running::start(folder.path()).await.expect("nobody notices");
    // If requests had failed before the stop, what they taught is remembered: the first waits a second.
    engine.settled_within(Duration::from_secs(20)).await;
    engine.stop().await;
    assert!(!prepared.judge(&sandbox).is_empty(), "the judge sees the wrong body");
}
