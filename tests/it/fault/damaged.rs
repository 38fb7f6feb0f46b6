//! Damaged databases: refused with what to do, never delivered from, and salvaged.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use tempfile::TempDir;
use tillpost::store::Store;

use super::disk::database;
use super::load::{Load, ended, wait_until};
use super::seeded;
use crate::program::{self, Program, printed, run};

/// A configured folder with a database in which events wait, because nobody listens for them.
async fn with_waiting_events() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    Program::configure(folder.path(), ([127, 0, 0, 1], 9).into());
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 40, "the producer is answered").await;
    assert_eq!(program.terminate(), Some(0));
    ended(connections).await;
    folder
}

/// What happens to a file.
type Damage<'d> = &'d dyn Fn(&mut Vec<u8>);

/// What a start says that must not succeed.
fn refused(folder: &Path) -> String {
    let start = run(folder, &["serve"]);
    assert_eq!(start.status.code(), Some(2), "{}", printed(&start));
    printed(&start)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_refused_and_the_doctor_says_what_to_do() {
    let folder = with_waiting_events().await;
    let path = database(folder.path());
    let whole = std::fs::read(&path).expect("a database");
    let letter = |bytes: &mut Vec<u8>| {
        // The frozen events alone have this word; what is struck must be one that has a checksum.
        let at = bytes.windows(11).rposition(|part| part == b"custom_data").expect("an event");
        bytes[at + 8] ^= 0x20;
    };
    let damages: [(&str, Damage); 4] = [
        ("a letter of an event", &letter),
        ("the head of the file", &|bytes| bytes[..16].fill(0)),
        ("the kind of a page", &|bytes| bytes[8192 * 4..8192 * 4 + 8].fill(0xff)),
        ("half of the file", &|bytes| bytes.truncate(bytes.len() / 2)),
    ];
    for (what, damage) in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        std::fs::write(&path, bytes).expect("a damaged file");
        let says = refused(folder.path());
        assert!(says.contains("doctor"), "{what}: {says}");
        let looked = run(folder.path(), &["doctor", "--offline"]);
        assert_eq!(looked.status.code(), Some(1), "{what}: {}", printed(&looked));
        assert!(printed(&looked).contains("--salvage"), "{what}: {}", printed(&looked));
    }
    std::fs::write(&path, whole).expect("the file as it was");
    assert_eq!(
        Program::start(folder.path()).terminate(),
        Some(0),
        "the control: it was the damage"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_database_and_one_in_use_are_refused() {
    let folder = with_waiting_events().await;
    let mut program = Program::start(folder.path());
    assert!(refused(folder.path()).contains("another tillpost is using the database"));
    assert_eq!(program.terminate(), Some(0));
    let books = Connection::open(database(folder.path())).expect("a database");
    books.pragma_update(None, "user_version", 9_999).expect("a version");
    drop(books);
    assert!(refused(folder.path()).contains("use a newer tillpost"));
}

/// Deliveries of the salvage test.
const EVENTS: i64 = 40_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_damaged_is_salvaged_and_nothing_that_was_changed() {
    let mut random = seeded();
    let folder = TempDir::new().expect("a folder");
    Program::configure(folder.path(), ([127, 0, 0, 1], 9).into());
    let path = folder.path().canonicalize().expect("a folder").join("tillpost-data/tillpost.db");
    Store::open(&path).expect("a database").close().await;
    let original = filled(&path);

    let books = Connection::open(&path).expect("a database");
    let leaves: Vec<(u64, i64)> = books
        .prepare("SELECT pageno, ncell FROM dbstat WHERE name = 'deliveries' AND pagetype = 'leaf'")
        .expect("a look at the pages")
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("pages")
        .collect::<Result<_, _>>()
        .expect("pages");
    drop(books);
    let mut bytes = std::fs::read(&path).expect("a database");
    let mut struck = BTreeMap::new();
    for _ in 0..100 {
        let (page, rows) = leaves[random.usize(..leaves.len())];
        let at = usize::try_from((page - 1) * 8192).expect("a place") + random.usize(..8192);
        bytes[at] ^= 1 << random.u8(..8);
        struck.insert(page, rows);
    }
    std::fs::write(&path, bytes).expect("a damaged file");

    let salvaged = run(folder.path(), &["doctor", "--salvage", "new.db"]);
    assert!(matches!(salvaged.status.code(), Some(0 | 1)), "{}", printed(&salvaged));
    let new = Connection::open(folder.path().join("new.db")).expect("a database");
    let mut rows = new.prepare("SELECT seq, body FROM deliveries").expect("rows");
    let rows = rows.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let rows: BTreeMap<i64, String> = rows.expect("rows").collect::<Result<_, _>>().expect("rows");
    for (seq, body) in &rows {
        assert!(Some(body) == original.get(seq), "{seq} is what was stored");
    }
    let untouched = EVENTS - struck.values().sum::<i64>();
    let found = i64::try_from(rows.len()).expect("a count");
    println!("{} pages struck, {untouched} events elsewhere, {found} salvaged", struck.len());
    assert!(found * 100 >= untouched * 99, "{}", printed(&salvaged));
    let again = run(folder.path(), &["doctor", "--salvage", "new.db"]);
    assert_eq!(again.status.code(), Some(2), "nothing is overwritten: {}", printed(&again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_page_is_lost_that_only_leads_to_events_they_are_found() {
    let folder = TempDir::new().expect("a folder");
    Program::configure(folder.path(), ([127, 0, 0, 1], 9).into());
    let path = folder.path().canonicalize().expect("a folder").join("tillpost-data/tillpost.db");
    Store::open(&path).expect("a database").close().await;
    let original = filled(&path);
    let books = Connection::open(&path).expect("a database");
    let inner: Vec<usize> = books
        .prepare("SELECT pageno FROM dbstat WHERE name = 'deliveries' AND pagetype = 'internal'")
        .expect("a look at the pages")
        .query_map([], |row| row.get(0))
        .expect("pages")
        .collect::<Result<_, _>>()
        .expect("pages");
    drop(books);
    assert!(inner.len() > 3, "a tree of three floors: {inner:?}");
    let whole = std::fs::read(&path).expect("a database");
    // The first page is the schema: without it nothing leads anywhere.
    let cases = [("the root", &inner[..1]), ("every inner page", &inner), ("the first page", &[1])];
    for (number, (what, pages)) in cases.into_iter().enumerate() {
        let mut bytes = whole.clone();
        for page in pages {
            bytes[(page - 1) * 8192..page * 8192].fill(0xff);
        }
        std::fs::write(&path, bytes).expect("a damaged file");
        let into = format!("new{number}.db");
        let salvaged = run(folder.path(), &["doctor", "--salvage", &into]);
        assert_eq!(salvaged.status.code(), Some(1), "{what}: {}", printed(&salvaged));
        let says = printed(&salvaged);
        assert!(says.contains("pages that nothing led to any more"), "{what}: {says}");
        let new = Connection::open(folder.path().join(&into)).expect("a database");
        let mut rows = new.prepare("SELECT seq, body FROM deliveries").expect("rows");
        let rows = rows.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
        let rows: BTreeMap<i64, String> =
            rows.expect("rows").collect::<Result<_, _>>().expect("rows");
        println!("{what} lost: {} of {EVENTS} events salvaged", rows.len());
        assert!(rows == original, "{what}: all of them, as they were");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refers_to_a_lost_payment_is_not_sent_and_goes_to_no_stranger() {
    let folder = with_waiting_events().await;
    let path = database(folder.path());
    let number = |books: &Connection, sql: &str| {
        books.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    let books = Connection::open(&path).expect("a database");
    let root = number(&books, "SELECT rootpage FROM sqlite_schema WHERE name = 'payments'");
    let (events, last) =
        (number(&books, "SELECT count(*) FROM deliveries"), "SELECT max(seq) FROM payments");
    let last = number(&books, last);
    drop(books);
    let mut bytes = std::fs::read(&path).expect("a database");
    let at = usize::try_from((root - 1) * 8192).expect("a place");
    bytes[at..at + 8192].fill(0xff);
    std::fs::write(&path, bytes).expect("a damaged file");

    let salvaged = run(folder.path(), &["doctor", "--salvage", "new.db"]);
    assert_eq!(salvaged.status.code(), Some(1), "{}", printed(&salvaged));
    let says = printed(&salvaged);
    assert!(says.contains("payments: 0 rows; nothing could be read"), "{says}");
    assert!(says.contains(&format!("{events} events withheld")), "{says}");
    let folder_of = path.parent().expect("a folder");
    for old in ["tillpost.db", "tillpost.db-wal", "tillpost.db-shm", "tillpost.db.damaged"] {
        let _ = std::fs::remove_file(folder_of.join(old));
    }
    std::fs::rename(folder.path().join("new.db"), &path).expect("the new one in its place");

    let mut program = Program::start(folder.path());
    let load = Load::new();
    let sums = program.books(&load.http).await;
    assert_eq!((&sums["withheld"], &sums["pending"]), (&events.into(), &0.into()), "{sums}");
    assert_eq!(sums["retrying"], 0, "{sums}");
    load.one(program.api).await;
    assert_eq!(program.terminate(), Some(0));
    let books = Connection::open(&path).expect("a database");
    let newest = number(&books, "SELECT max(seq) FROM payments");
    assert!(newest > last, "{newest} was given before: the last was {last}");
}

/// Many deliveries, as the store writes them.
fn filled(path: &Path) -> BTreeMap<i64, String> {
    let mut books = Connection::open(path).expect("a database");
    let transaction = books.transaction().expect("a transaction");
    let mut original = BTreeMap::new();
    for seq in 1..=EVENTS {
        let body = format!(r#"{{"event_id":"DEFAULT.{seq}","filler":"{}"}}"#, "x".repeat(500));
        let mut sum = crc32fast::Hasher::new();
        for part in [&seq.to_le_bytes()[..], &1_i64.to_le_bytes(), body.as_bytes()] {
            sum.update(part);
        }
        let row = params![seq, body, sum.finalize()];
        let insert = "INSERT INTO deliveries VALUES (?1, 1, ?1, 0, ?2, ?3)";
        transaction.prepare_cached(insert).expect("a table").execute(row).expect("a row");
        original.insert(seq, body);
    }
    transaction.commit().expect("a commit");
    original
}

#[tokio::test]
async fn a_sandbox_shows_a_dataset_only_to_its_token() {
    let address = program::oracle_with(["right".to_owned()].into()).await;
    let http = program::client();
    for (token, status) in [("right", 200), ("wrong", 401)] {
        let url = format!("http://{address}/v25.0/1234567890?fields=id,name");
        let answer = http.get(url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{token}");
    }
}
