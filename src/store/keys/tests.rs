//! What is appended is found, by whoever reads the table as well, and in little memory.

use std::path::Path;

use super::*;
use crate::store::schema;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().expect("a database in memory");
    schema::migrate(&mut connection).expect("the schema");
    connection
}

const SHOP: ProjectKey = ProjectKey(1);

#[test]
fn what_was_appended_is_found_and_what_is_forgotten_is_not() {
    let connection = database();
    let mut keys = Keys::read(&connection).expect("no keys");
    let mut insert = connection.prepare(INSERT).expect("the statement");
    assert!(keys.of_id(SHOP, "a").is_empty());
    for (seq, id) in [(1, "a"), (2, "b"), (7, "a")] {
        keys.append(&mut insert, seq, (SHOP, Some(id), "u"), Source::Sender).expect("appended");
    }
    keys.append(&mut insert, 8, (SHOP, None, "u"), Source::Sender).expect("appended without an id");
    let mut found = keys.of_id(SHOP, "a");
    found.sort_unstable();
    assert_eq!(found, [1, 7], "an id may stand under several types");
    assert!(keys.of_id(ProjectKey(2), "a").is_empty(), "another project's id is another");
    keys.forget(keys.hashing.of_id(SHOP, "a"), 1);
    assert_eq!(keys.of_id(SHOP, "a"), [7]);
    keys.append(&mut insert, 9, (SHOP, Some("b"), "u"), Source::Event).expect("an event");
    assert_eq!(keys.of_id(SHOP, "b"), [2], "a report of an event is looked for by its index");
    let again = Keys::read(&connection).expect("the keys of the table");
    assert_eq!(again.of_id(SHOP, "b"), [2], "the table gives the same");
}

#[test]
fn more_keys_than_one_segment_takes_are_all_found_in_the_memory_that_is_promised() {
    let connection = database();
    let mut keys = Keys::read(&connection).expect("no keys");
    let count = i64::try_from(SEGMENT_KEYS).expect("a small number") + 1_000;
    (1..=count).for_each(|seq| keys.keep(some_hash(seq), seq));
    assert_eq!(keys.segments.len(), 2);
    assert!((1..=count).all(|seq| keys.find(some_hash(seq)).contains(&seq)));
    // Ten bytes a key: ten million are a hundred megabytes.
    let bytes: usize = keys.segments.iter().map(|segment| segment.slots.allocation_size()).sum();
    assert!(bytes <= 2 * 10 * (SEGMENT_KEYS + SEGMENT_KEYS / 10), "{bytes}");
    (1..=count - 1_000).for_each(|seq| keys.forget(some_hash(seq), seq));
    assert_eq!(keys.segments.len(), 1, "what is empty is given back");
}

#[test]
fn a_payment_without_a_key_gets_one_and_a_wrong_one_is_noticed() {
    let connection = database();
    let insert = "INSERT INTO payments (seq, project, type, payment_id, user_id, received_at,
                                        capture, decision, first_delivery, deliveries)
                  VALUES (?1, 1, 'DEFAULT', ?2, 'u', 0, '{}', '{}', 1, 0)";
    for (seq, id) in [(1, Some("a")), (2, None), (3, Some("b"))] {
        connection.execute(insert, params![seq, id]).expect("a row");
    }
    assert_eq!(unkeyed(&connection, 9).expect("a look"), [1, 2, 3]);
    fill(&connection).expect("filled");
    let keys = Keys::read(&connection).expect("the keys");
    assert_eq!((keys.of_id(SHOP, "a"), keys.of_id(SHOP, "b")), (vec![1], vec![3]));
    assert_eq!(unkeyed(&connection, 9).expect("a look"), [0; 0]);
    connection.execute("UPDATE payment_keys SET id_hash = 5 WHERE seq = 3", []).expect("damage");
    assert_eq!(unkeyed(&connection, 9).expect("a look"), [3]);
}

#[test]
fn the_same_id_has_another_number_in_another_database() {
    let hash =
        |connection: &Connection| Hashing::read(connection).expect("a salt").of_id(SHOP, "a");
    let (one, other) = (database(), database());
    assert_eq!(hash(&one), hash(&one));
    assert_ne!(hash(&one), hash(&other));
}

/// A database of so many payments that several threads read their keys, with holes, with payments that
/// have no id, and with a rest behind the last whole stretch; the numbers with an id, and those without.
fn large(path: &Path) -> (Connection, [Vec<i64>; 2]) {
    let mut connection = schema::connect(path).expect("a database");
    schema::migrate(&mut connection).expect("the schema");
    let filling = connection.unchecked_transaction().expect("a transaction");
    let (mut with_id, mut without) = (Vec::new(), Vec::new());
    let last = i64::try_from(reading::STRETCH).expect("a small number") * 20 + 555;
    for seq in (3..=last).filter(|seq| seq % 10 != 4) {
        let has_id = seq % 7 != 0;
        let numbers = if has_id { &mut with_id } else { &mut without };
        numbers.push(seq);
        let row = params![seq, has_id.then(|| some_hash(seq)), 1];
        filling.prepare_cached(INSERT).expect("a statement").execute(row).expect("a row");
    }
    filling.commit().expect("filled");
    (connection, [with_id, without])
}

/// Different for different numbers, in no order.
fn some_hash(seq: i64) -> i64 {
    seq.wrapping_mul(0x5851_f42d_4c95_7f2d)
}

#[test]
fn the_keys_of_large_books_are_each_read_once_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (connection, [with_id, without]) = large(&folder.path().join("books.db"));
    let ends = connection.query_row(ENDS, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut read = Vec::new();
    reading::read(&connection, ends.expect("the ends"), |key| read.push(key)).expect("read");
    assert!(read.into_iter().eq(with_id.iter().map(|&seq| (some_hash(seq), seq))));
    let keys = Keys::read(&connection).expect("the keys");
    assert!(with_id.iter().all(|&seq| keys.find(some_hash(seq)).contains(&seq)));
    assert!(!without.iter().any(|&seq| keys.find(some_hash(seq)).contains(&seq)));
    // Numbers so far apart are read row after row, and nothing is lost of them either.
    let far = "INSERT INTO payment_keys VALUES (-9223372036854775807, 1, 1), (?1, 2, 1)";
    connection.execute(far, [i64::MAX]).expect("rows");
    let keys = Keys::read(&connection).expect("the keys");
    assert!(with_id.iter().all(|&seq| keys.find(some_hash(seq)).contains(&seq)));
    assert_eq!((keys.find(1), keys.find(2)), (vec![-i64::MAX], vec![i64::MAX]));
}

/// While one reader meets the damage, the others wait until somebody takes what they have.
#[test]
fn a_page_that_is_lost_in_the_middle_of_the_keys_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("books.db");
    let (connection, _) = large(&path);
    let fold = connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
    fold.expect("folded in");
    let leaf =
        "SELECT pgoffset, pgsize FROM dbstat WHERE name = 'payment_keys' AND pagetype = 'leaf'
                ORDER BY path LIMIT 1 OFFSET 100";
    let found = connection.query_row(leaf, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (at, length): (u64, usize) = found.expect("a page");
    drop(connection);
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; length], at).expect("written");
    let connection = schema::connect(&path).expect("a database");
    let keys = Keys::read(&connection).map(drop);
    assert!(matches!(keys, Err(StoreError::Damaged(_))), "{keys:?}");
}

#[test]
fn a_number_that_changed_among_the_keys_is_damage() {
    let connection = database();
    let row = "INSERT INTO payment_keys VALUES (?1, ?1, 1)";
    for seq in [1, 2, 3, 9] {
        connection.execute(row, [seq]).expect("a row");
    }
    let read = |ends| reading::read(&connection, ends, drop);
    assert!(read((1, 9)).is_ok());
    let behind = read((1, 3));
    assert!(matches!(behind, Err(StoreError::Damaged(_))), "the table ends with 3: {behind:?}");
}

#[test]
fn the_ends_of_the_table_are_found_without_reading_it() {
    let connection = database();
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {ENDS}")).expect("a plan");
    let steps = plan.query_map([], |row| row.get::<_, String>(3)).expect("its steps");
    let steps: Vec<String> = steps.collect::<Result<_, _>>().expect("its steps");
    let reads = |word: &str| steps.iter().filter(|step| step.starts_with(word)).count();
    assert_eq!((reads("SEARCH payment_keys"), reads("SCAN payment_keys")), (2, 0), "{steps:?}");
}
