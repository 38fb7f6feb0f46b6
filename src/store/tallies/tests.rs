//! The sums against a count of every row, after anything that may happen to the rows.

use rusqlite::{Connection, params};

use super::{counts, difference, move_on, slice};
use crate::store::schema;

/// Books with some rows, and the numbers that the writer would give.
struct Rows {
    books: Connection,
    chance: fastrand::Rng,
    payment: i64,
    delivery: i64,
}

impl Rows {
    fn new(seed: u64) -> Self {
        let mut books = Connection::open_in_memory().expect("a database in memory");
        schema::migrate(&mut books).expect("the schema");
        let chance = fastrand::Rng::with_seed(seed);
        Self { books, chance, payment: 0, delivery: 0 }
    }

    fn execute(&self, sql: &str, parameters: &[i64]) {
        self.books.execute(sql, rusqlite::params_from_iter(parameters)).expect(sql);
    }

    fn add_dataset(&mut self) {
        let insert = "INSERT OR IGNORE INTO datasets (id, name) VALUES (?1, ?1 || '')";
        let id = self.chance.i64(1..=4);
        self.execute(insert, &[id]);
    }

    /// A payment with some deliveries, behind a gap now and then as a rolled back job leaves it.
    fn record(&mut self) {
        self.payment += self.chance.i64(1..=2);
        let first = self.delivery + self.chance.i64(1..=2);
        let datasets: Vec<i64> = self.datasets();
        let count = if datasets.is_empty() { 0 } else { self.chance.i64(0..=3) };
        let insert = "INSERT INTO payments (seq, project, type, user_id, received_at, capture,
                          decision, first_delivery, deliveries)
                      VALUES (?1, 1, 'DEFAULT', 'u', 0, '{}', '{}', ?2, ?3)";
        self.execute(insert, &[self.payment, first, count]);
        for seq in first..first + count {
            let insert = "INSERT INTO deliveries (seq, dataset, payment, expires_at, body)
                          VALUES (?1, ?2, ?3, 0, '')";
            let dataset = *self.chance.choice(&datasets).expect("a dataset");
            self.execute(insert, &[seq, dataset, self.payment]);
            self.delivery = seq;
        }
    }

    fn datasets(&self) -> Vec<i64> {
        let mut select = self.books.prepare("SELECT id FROM datasets").expect("a statement");
        let rows = select.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("numbers")
    }

    /// Whatever else happens to one delivery, to one payment, or to one cursor.
    fn happen(&mut self) {
        let (at, what) = (self.chance.i64(0..=self.delivery.max(1)), self.chance.u32(0..14));
        let of = "(SELECT seq, dataset FROM deliveries WHERE seq >= ?1 ORDER BY seq LIMIT 1)";
        let on_one = |insert: &str| {
            self.execute(&format!("{insert} FROM {of} WHERE true ON CONFLICT DO NOTHING"), &[at]);
        };
        match what {
            0..4 => {
                let datasets = self.datasets();
                let Some(dataset) = self.chance.choice(&datasets) else { return };
                let update = "UPDATE datasets SET cursor = max(cursor, ?1) WHERE id = ?2";
                self.execute(update, &[at, *dataset]);
            }
            4 => on_one("INSERT INTO withheld SELECT seq, dataset, 0"),
            5 => self
                .execute("DELETE FROM withheld WHERE delivery >= ?1 AND delivery < ?1 + 3", &[at]),
            6 => on_one(
                "INSERT INTO dead_letters (delivery, dataset, at, reason, says)
                 SELECT seq, dataset, 0, 'unknown', ''",
            ),
            7 => on_one("INSERT INTO retries SELECT seq, dataset, 0, 0"),
            8 => self
                .execute("DELETE FROM retries WHERE delivery >= ?1 AND delivery < ?1 + 3", &[at]),
            9 => on_one(
                "INSERT INTO ended_letters (delivery, ended_at, how, at, reason, says)
                 SELECT seq, 0, 'dropped', 0, 'unknown', ''",
            ),
            10 => on_one(
                "INSERT INTO ended_letters (delivery, ended_at, how, at, reason, says)
                 SELECT seq, 0, 'retried', 0, 'unknown', ''",
            ),
            11 => self.execute(
                "DELETE FROM dead_letters WHERE delivery >= ?1 AND delivery < ?1 + 3",
                &[at],
            ),
            12 => self.delete(at),
            _ => {
                self.execute(
                    "INSERT OR IGNORE INTO removed_payments SELECT seq, project, type, payment_id,
                         received_at, 0, decision, first_delivery, deliveries, source
                     FROM payments WHERE seq = ?1",
                    &[at],
                );
                self.execute("DELETE FROM payments WHERE seq = ?1", &[at]);
            }
        }
    }

    /// What pruning does, in its order; a young delivery may be among them.
    fn delete(&self, at: i64) {
        for table in ["withheld", "dead_letters", "ended_letters"] {
            let delete = format!("DELETE FROM {table} WHERE delivery >= ?1 AND delivery < ?1 + 4");
            self.execute(&delete, &[at]);
        }
        self.execute("DELETE FROM deliveries WHERE seq >= ?1 AND seq < ?1 + 4", &[at]);
        self.execute("DELETE FROM removed_payments WHERE seq = ?1", &[at]);
    }

    fn step(&mut self) {
        match self.chance.u32(0..8) {
            0 => self.add_dataset(),
            1..5 => self.record(),
            _ => self.happen(),
        }
    }
}

#[test]
fn the_sums_are_the_rows_after_anything_and_wherever_a_slice_ends() {
    let (mut moved, mut void) = (0, 0);
    for seed in 0..60 {
        let mut rows = Rows::new(seed);
        for step in 0..120 {
            rows.step();
            if rows.chance.u32(0..4) == 0 {
                let limit = rows.chance.usize(1..12);
                let slice = slice(&rows.books, limit).expect("a slice");
                // Something happens between the look and the move.
                for _ in 0..rows.chance.u32(0..4) {
                    rows.step();
                }
                if rows.chance.u32(0..4) == 0 {
                    rows.delete(rows.delivery - 3);
                }
                let before = places(&rows.books);
                move_on(&rows.books, &slice).expect("a move");
                let wanted = slice.log.is_some() || slice.payments.is_some();
                moved += u32::from(places(&rows.books) != before);
                void += u32::from(wanted && places(&rows.books) == before);
            }
            let wrong = difference(&rows.books).expect("both counts");
            assert_eq!(wrong, None, "seed {seed}, step {step}");
        }
        while !slice(&rows.books, 7)
            .map(|slice| {
                move_on(&rows.books, &slice).expect("a move");
                slice.is_last
            })
            .expect("a slice")
        {}
        assert_eq!(difference(&rows.books).expect("both counts"), None, "seed {seed}");
        let (log, newest): (i64, i64) = rows
            .books
            .query_row(
                "SELECT up_to, (SELECT coalesce(max(seq), 0) FROM deliveries) FROM tallies
                 WHERE what = 'log'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("a row");
        assert!(log >= newest, "seed {seed}: nothing is left to count");
    }
    assert!(moved > 500 && void > 10, "moved {moved}, crossed with a deletion {void}");
}

fn places(books: &Connection) -> Vec<(String, i64, i64)> {
    let mut select =
        books.prepare("SELECT what, count, up_to FROM tallies ORDER BY 1, 2, 3").expect("a query");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("rows").collect::<Result<_, _>>().expect("numbers")
}

#[test]
fn the_migration_counts_what_an_older_database_holds() {
    let mut rows = Rows::new(7);
    for _ in 0..400 {
        rows.step();
    }
    let triggers: Vec<String> = {
        let select = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'tally%'";
        let mut select = rows.books.prepare(select).expect("a query");
        let names = select.query_map([], |row| row.get(0)).expect("rows");
        names.collect::<Result<_, _>>().expect("names")
    };
    assert!(triggers.len() > 10, "{triggers:?}");
    for trigger in triggers {
        rows.books.execute(&format!("DROP TRIGGER {trigger}"), []).expect("dropped");
    }
    rows.books.execute("DROP TABLE tallies", []).expect("dropped");
    rows.books.execute("ALTER TABLE circuits DROP COLUMN heard", []).expect("dropped");
    rows.books.execute("DROP INDEX users_passing", []).expect("dropped");
    rows.books.execute("ALTER TABLE users DROP COLUMN seen_at", []).expect("dropped");
    let migration = include_str!("../migrations/0012_tallies.sql");
    rows.books.execute_batch(migration).expect("the migration");
    assert_eq!(difference(&rows.books).expect("both counts"), None);
    let nothing_is_left = slice(&rows.books, 1).expect("a slice");
    assert!(nothing_is_left.log.is_none() && nothing_is_left.payments.is_none());
}

#[test]
fn a_dataset_that_stands_costs_nothing_and_a_new_one_reads_no_old_rows() {
    let mut rows = Rows::new(1);
    rows.execute("INSERT INTO datasets (id, name) VALUES (1, 'stands'), (2, 'flows')", &[]);
    for _ in 0..500 {
        rows.record();
    }
    rows.execute("UPDATE datasets SET cursor = ?1 WHERE id = 2", &[rows.delivery]);
    while !slice(&rows.books, 100)
        .map(|slice| {
            move_on(&rows.books, &slice).expect("a move");
            slice.is_last
        })
        .expect("a slice")
    {}
    // A dataset that nothing was sent to yet, and its forwarder's first look at the log.
    rows.execute("INSERT INTO datasets (id, name, cursor) VALUES (3, 'new', ?1)", &[rows.delivery]);
    rows.books
        .execute("UPDATE deliveries SET dataset = 9 WHERE seq < 400", params![])
        .expect("a trap");
    let counted = counts(&rows.books).expect("the sums");
    assert!(counted.datasets[&1].appended > 100, "the rows were not read again: {counted:?}");
    assert_eq!(counted.datasets[&1].passed, 0);
    assert_eq!(counted.datasets[&2].passed, counted.datasets[&2].appended);
    assert_eq!(counted.datasets[&3].appended, 0);
}
