//! What is appended is found, by whoever reads the table as well, and in little memory.

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
    let hash = |seq: i64| seq.wrapping_mul(0x5851_f42d_4c95_7f2d);
    (1..=count).for_each(|seq| keys.keep(hash(seq), seq));
    assert_eq!(keys.segments.len(), 2);
    assert!((1..=count).all(|seq| keys.find(hash(seq)).contains(&seq)));
    // Ten bytes a key: ten million are a hundred megabytes.
    let bytes: usize = keys.segments.iter().map(|segment| segment.slots.allocation_size()).sum();
    assert!(bytes <= 2 * 10 * (SEGMENT_KEYS + SEGMENT_KEYS / 10), "{bytes}");
    (1..=count - 1_000).for_each(|seq| keys.forget(hash(seq), seq));
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

/// So many that several threads read them, with holes, with payments that have no id, and with a rest
/// behind the last whole stretch.
#[test]
fn the_keys_of_large_books_are_each_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut connection = schema::connect(&folder.path().join("books.db")).expect("a database");
    schema::migrate(&mut connection).expect("the schema");
    let filling = connection.unchecked_transaction().expect("a transaction");
    let hash = |seq: i64| seq.wrapping_mul(0x5851_f42d_4c95_7f2d);
    let (mut with_id, mut without) = (Vec::new(), Vec::new());
    let last = i64::try_from(reading::STRETCH).expect("a small number") * 11 + 555;
    for seq in (3..=last).filter(|seq| seq % 10 != 4) {
        let has_id = seq % 7 != 0;
        let numbers = if has_id { &mut with_id } else { &mut without };
        numbers.push(seq);
        let row = params![seq, has_id.then(|| hash(seq)), 1];
        filling.prepare_cached(INSERT).expect("a statement").execute(row).expect("a row");
    }
    filling.commit().expect("filled");
    let keys = Keys::read(&connection).expect("the keys");
    let kept: usize = keys.segments.iter().map(|segment| segment.slots.len()).sum();
    assert_eq!(kept, with_id.len());
    assert!(with_id.iter().all(|&seq| keys.find(hash(seq)).contains(&seq)));
    assert!(!without.iter().any(|&seq| keys.find(hash(seq)).contains(&seq)));
    assert_eq!(keys.segments.len(), 1, "in their order they fill one");
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
