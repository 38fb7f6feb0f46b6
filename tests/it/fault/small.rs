//! A small disk of its own that fills up to the last byte, because somebody else writes there.
//!
//! The disk is a tmpfs, mounted for the program alone in a mount namespace (`unshare -rm`), which
//! needs no privileges where user namespaces are allowed. Where they are not, it is the preloaded disk
//! of `full` once more; the story says which of the two it was.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tillpost::sandbox::Script;

use super::disk::{Disk, database};
use super::load::{Answered, Load, TRIES, ended, wait_until};
use crate::program::{self, PROGRAM, Program, SITE_KEY, with_secrets};

/// Mounts a small disk at the first argument and becomes the rest.
const MOUNT: &str = "mount -t tmpfs -o size=48m tillpost-test \"$1\" && shift && exec \"$@\"";

/// A disk that somebody else can fill and empty.
enum Small {
    Mounted { filler: PathBuf },
    Preloaded(Disk),
}

impl Small {
    /// Starts the program on a small disk.
    fn start(folder: &Path) -> (Self, Program) {
        let data = folder.canonicalize().expect("a folder").join("tillpost-data");
        std::fs::create_dir_all(&data).expect("a folder");
        let mounts = Command::new("unshare")
            .args(["-rm", "sh", "-c", MOUNT, "sh"])
            .arg(&data)
            .arg("true")
            .stderr(Stdio::null())
            .status();
        if mounts.is_ok_and(|status| status.success()) {
            println!("the disk is a tmpfs of 48 MB");
            let mut command = with_secrets(Command::new("unshare"), folder);
            command.args(["-rm", "sh", "-c", MOUNT, "sh"]).arg(&data).arg(PROGRAM);
            let program = Program::start_by(folder, command).expect("a start");
            let filler = program.seen(&data.join("somebody-elses"));
            return (Self::Mounted { filler }, program);
        }
        println!("this machine lets nobody mount: the disk is the preloaded one");
        let disk = Disk::new();
        let program = disk.start(folder).expect("a start");
        (Self::Preloaded(disk), program)
    }

    fn fill(&self) {
        match self {
            Self::Mounted { filler } => {
                let mut file = std::fs::File::create(filler).expect("somebody else's file");
                for piece in [vec![1; 64 * 1024], vec![1; 512]] {
                    while file.write_all(&piece).is_ok() {}
                }
            }
            Self::Preloaded(disk) => disk.order("quota"),
        }
    }

    fn empty(&self) {
        match self {
            Self::Mounted { filler } => std::fs::remove_file(filler).expect("it is gone"),
            Self::Preloaded(disk) => disk.order(""),
        }
    }

    /// What `SQLite` says of a copy of the books while the program runs and has nothing to do.
    fn integrity(&self, program: &Program, folder: &Path) -> String {
        let path = match self {
            Self::Mounted { .. } => program.seen(&database(folder)),
            Self::Preloaded(_) => database(folder),
        };
        for ending in ["", "-wal"] {
            let from = path.with_file_name(format!("tillpost.db{ending}"));
            std::fs::copy(from, folder.join(format!("copy.db{ending}"))).expect("a copy");
        }
        let copy = Connection::open(folder.join("copy.db")).expect("a database");
        copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a look")
    }
}

/// What a site sends.
async fn site(load: &Load, program: &Program, path: &str, body: &'static str) -> reqwest::Response {
    let url = format!("http://{}/api/v1/{path}", program.api);
    let request = load.http.post(url).bearer_auth(SITE_KEY).body(body);
    request.send().await.expect("an answer")
}

fn script(sandbox: &tillpost::sandbox::Sandbox, faults: &str) {
    let script = format!(r#"{{"faults":[{faults}]}}"#);
    sandbox.set_faults(Script::read(script.as_bytes()).expect("a good script"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_disk_filled_by_somebody_else_costs_nothing_that_was_taken() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let (disk, mut program) = Small::start(folder.path());
    load.sign_up(program.api).await;
    let visitor = r#"{"faurya_visitor_id":"visitor_1"}"#;
    assert_eq!(site(&load, &program, "visitors", visitor).await.status(), 200);
    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 100, "a disk with room takes").await;
    assert_eq!(load.refused(), 0, "the control: with room nothing is refused");

    // One event that Meta will refuse waits with others for an end of an outage.
    script(&sandbox, r#"{"do":"fail","status":503}"#);
    // What was answered right then may have been delivered just before.
    let right_then = load.taken();
    wait_until(|| load.taken() > right_then + 20, "nothing is delivered any more").await;
    let before = load.taken_ids();
    wait_until(|| load.taken() > before.len() + 20, "events wait").await;
    let bad = load.taken_ids().into_iter().find(|id| !before.contains(id)).expect("a new one");
    disk.fill();
    ended(connections).await;
    assert!(load.refused() > 0, "the disk was full");

    let payment = r#"{"faurya_visitor_id":"visitor_1","transaction_id":"t1","amount":29.99}"#;
    let (mut quickest, mut answer) = (Duration::MAX, None);
    for _ in 0..TRIES {
        let asked = Instant::now();
        assert_eq!(load.one(program.api).await, Answered::Refused, "with Retry-After, it looks");
        answer = Some(site(&load, &program, "payments", payment).await);
        quickest = quickest.min(asked.elapsed());
    }
    assert!(quickest < Duration::from_secs(1), "the answers come at once: {quickest:?}");
    let answer = answer.expect("it was asked");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().expect("a value"))
    );
    let body: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    let message = body["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("no room"), "{message}");
    let shape = json!({"status": "error", "error": {"code": 503, "message": message}});
    assert_eq!(body, shape, "in the shape of the family");
    let status = async |url: String| load.http.get(url).send().await.expect("an answer").status();
    assert_eq!(status(format!("http://{}/metrics", program.admin)).await, 200);
    assert_eq!(status(format!("http://{}/admin/v1/payments", program.admin)).await, 200);

    // What was taken is finished: delivered, or dead.
    script(
        &sandbox,
        &format!(r#"{{"do":"refuse_event_id","event_id":"DEFAULT.{bad}","subcode":2804009}}"#),
    );
    let books = load.drained(&program).await;
    assert_eq!(books["dead"], 1, "{books}");
    let delivered = books["recorded"].as_u64().map(|recorded| recorded - 1);
    assert_eq!(books["delivered"].as_u64(), delivered, "{books}");
    assert_eq!(load.one(program.api).await, Answered::Refused, "and it is still full");

    disk.empty();
    let freed = Instant::now();
    while load.one(program.api).await != Answered::Taken {
        assert!(freed.elapsed() < Duration::from_secs(20), "it takes again without a restart");
    }
    println!("it took again after {:?}", freed.elapsed());
    load.repeat(program.api).await;
    script(&sandbox, "");
    let retry = format!("http://{}/admin/v1/dead-letters/retry", program.admin);
    let again = load.http.post(retry).body(r#"{"reason":"refused"}"#).send().await;
    assert_eq!(again.expect("an answer").status(), 200);
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert_eq!(disk.integrity(&program, folder.path()), "ok");
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
}
