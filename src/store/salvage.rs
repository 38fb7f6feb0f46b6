//! What can still be read of a damaged database, in a new one.
//!
//! In: the file. Out: a new database of today's schema with every row that can be read, and what
//! could not. Rows are read in the order of their numbers; where a page is damaged, the next number
//! behind it that can be read is searched for. A table without numbers is read from both of its
//! ends. Events whose checksum does not fit are left out. Events that the tree no longer leads to are
//! looked for on each page by itself ([`sweep`]): their checksum proves them. An event whose payment is
//! lost is withheld: it may have been taken back, and no removal would find it. Deliberately absent:
//! such a search for other tables, whose rows nothing proves.

mod loose;
mod sweep;

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::{StoreError, beside, integrity, keys, lock, schema};
use crate::core::time::Timestamp;

/// What a salvage found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Salvaged {
    /// Each table.
    pub tables: Vec<SalvagedTable>,
    /// Events that were not delivered and will not be, because their payment is lost.
    pub withheld: u64,
}

/// What became of one table.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SalvagedTable {
    /// Its name.
    pub table: String,
    /// How many rows the new database has.
    pub rows: u64,
    /// Numbers between which nothing could be read, both included. Not every number in it was a row.
    pub unread: Vec<(i64, i64)>,
    /// Whether something is missing that has no numbers.
    pub is_cut: bool,
    /// Events that no page led to any more, and that were found all the same.
    pub swept: u64,
    /// Events that could be read and are not what was stored.
    pub changed: u64,
}

/// Reads what can be read of the database at `path` into a new one.
///
/// # Errors
/// [`StoreError::InUse`] while a service runs on it, and [`StoreError`] if nothing can be read or
/// the new file cannot be written. A file that exists is never written to.
pub fn salvage(path: &Path, into: &Path, now: Timestamp) -> Result<Salvaged, StoreError> {
    let exists = || std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    let not_made = |source: std::io::Error| StoreError::Open {
        path: into.to_owned(),
        source: std::sync::Arc::new(source),
    };
    if into.exists() {
        return Err(not_made(exists()));
    }
    let _lock = lock::Lock::take(path)?;
    let (damaged, completed, damage) = match readable(path) {
        Ok(damaged) => (damaged, None, None),
        Err(error @ StoreError::Damaged(_)) => {
            let copy = sweep::Pages::copy(path, beside(into, "whole"))?;
            match copy.complete().ok().map(readable) {
                Some(Ok(damaged)) => (damaged, Some(copy), None),
                // Its schema is lost. What its other pages hold may be found all the same.
                Some(Err(_)) | None => (Connection::open_in_memory()?, None, Some(error)),
            }
        }
        Err(error) => return Err(error),
    };
    let _new_lock = lock::Lock::take(into)?;
    let mut new = schema::connect(into)?;
    schema::migrate(&mut new)?;
    let mut salvaged = Vec::new();
    for table in tables(&new)? {
        let transaction = new.transaction()?;
        let mut copying = Copying::of(&damaged, &transaction, &table)?;
        copying.found.is_cut |= damage.is_some() || copying.is_lost && table == EVENTS;
        copying.run()?;
        if table == EVENTS && copying.found.misses_rows() {
            copying.sweep(&sweep::Pages::copy(path, beside(into, "pages"))?)?;
        }
        salvaged.push(copying.found);
        transaction.commit()?;
    }
    if let Some(damage) = damage.filter(|_| salvaged.iter().all(|table| table.rows == 0)) {
        drop(new);
        for ending in ["", "-wal", "-shm", ".lock"] {
            drop(std::fs::remove_file(format!("{}{ending}", into.display())));
        }
        return Err(damage);
    }
    drop((damaged, completed));
    let transaction = new.transaction()?;
    let withheld = loose::tie(&transaction, now)?;
    transaction.commit()?;
    keys::fill(&new)?;
    new.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?;
    drop(new);
    drop(std::fs::remove_file(beside(into, "lock")));
    Ok(Salvaged { tables: salvaged, withheld })
}

/// The table of events.
const EVENTS: &str = "deliveries";

/// The damaged database, if as much as its schema can be read.
fn readable(path: &Path) -> Result<Connection, StoreError> {
    let damaged = schema::connect_reader(path)?;
    damaged.execute_batch("PRAGMA cell_size_check = ON;")?;
    tables(&damaged)?;
    Ok(damaged)
}

impl SalvagedTable {
    /// Whether something of it could not be read.
    fn misses_rows(&self) -> bool {
        !self.unread.is_empty() || self.is_cut || self.changed > 0
    }
}

fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    // The keys are made anew of the payments that were found, and the sums are counted.
    let select = "SELECT name FROM sqlite_schema
                  WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                    AND name NOT IN ('payment_keys', 'key_salt', 'tallies') ORDER BY name";
    names(connection, select)
}

fn names(connection: &Connection, select: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(select)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One table on its way.
struct Copying<'c> {
    damaged: &'c Connection,
    new: &'c Connection,
    columns: Vec<String>,
    /// Whether there is no such table in the damaged database, or nothing says how it looks.
    is_lost: bool,
    /// The column that is the row's number; `None` where there is none.
    number: Option<String>,
    insert: String,
    found: SalvagedTable,
}

impl<'c> Copying<'c> {
    fn of(damaged: &'c Connection, new: &'c Connection, table: &str) -> Result<Self, StoreError> {
        let columns = |connection| {
            names(connection, &format!("SELECT name FROM pragma_table_info('{table}')"))
        };
        let known = columns(new)?;
        let theirs = columns(damaged);
        let is_cut = theirs.is_err();
        // A database of an older version lacks some; they get what their migration gives them.
        let columns: Vec<String> =
            theirs.unwrap_or_default().into_iter().filter(|name| known.contains(name)).collect();
        let is_lost = columns.is_empty();
        let columns = if is_lost { known } else { columns };
        let number = names(
            new,
            &format!(
                "SELECT name FROM pragma_table_info('{table}') WHERE pk = 1 AND type = 'INTEGER'
                   AND NOT (SELECT wr FROM pragma_table_list('{table}'))"
            ),
        )?;
        let marks = vec!["?"; columns.len()].join(", ");
        let insert =
            format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})", columns.join(", "));
        let found = SalvagedTable {
            table: table.to_owned(),
            rows: 0,
            unread: Vec::new(),
            is_cut,
            swept: 0,
            changed: 0,
        };
        let number = number.into_iter().next();
        Ok(Self { damaged, new, columns, is_lost, number, insert, found })
    }

    fn run(&mut self) -> Result<(), StoreError> {
        if self.is_lost {
            return Ok(());
        }
        match self.number.clone() {
            Some(number) => self.by_number(&number),
            None => self.read_both_ends(),
        }
    }

    /// Takes the events of every page that are not there yet and that their checksum proves.
    fn sweep(&mut self, pages: &sweep::Pages) -> Result<(), StoreError> {
        let place = |name: &str| self.columns.iter().position(|column| column == name);
        let (Some(seq), Some(checksum)) = (place("seq"), place("checksum")) else { return Ok(()) };
        pages.rows(|number, mut values| {
            if values.len() != self.columns.len() || values[checksum] == Value::Null {
                return Ok(());
            }
            // The number stands beside the record, not in it.
            values[seq] = Value::Integer(number);
            if !self.is_changed(&values) {
                let before = self.found.rows;
                self.keep(&values)?;
                self.found.swept += self.found.rows - before;
            }
            Ok(())
        })
    }

    /// In the order of the numbers, with a leap over what cannot be read.
    fn by_number(&mut self, number: &str) -> Result<(), StoreError> {
        let (table, columns) = (self.found.table.clone(), self.columns.join(", "));
        let rows =
            format!("SELECT {number}, {columns} FROM {table} WHERE {number} >= ? ORDER BY 1");
        let mut from = i64::MIN;
        loop {
            let (last, is_whole) = self.read(&rows, Some(from), 1)?;
            if is_whole {
                return Ok(());
            }
            // Never back: damage may give rows out of their order, for ever.
            let lost = last.map_or(from, |last| last.saturating_add(1).max(from));
            let Some(next) = self.next_readable(number, lost) else {
                self.found.unread.push((lost, i64::MAX));
                return Ok(());
            };
            self.found.unread.push((lost, next - 1));
            from = next;
        }
    }

    /// The first number behind the damage that can be read: found by leaps that double, then by
    /// halves.
    fn next_readable(&self, number: &str, lost: i64) -> Option<i64> {
        let table = &self.found.table;
        let columns = self.columns.join(", ");
        let select = format!(
            "SELECT {number}, {columns} FROM {table} WHERE {number} >= ? ORDER BY 1 LIMIT 1"
        );
        let width = self.columns.len() + 1;
        let readable = |from: i64| -> Option<i64> {
            let mut statement = self.damaged.prepare_cached(&select).ok()?;
            let row = statement.query_row([from], |row| {
                // All of it: a long value goes over pages of its own.
                (1..width).try_for_each(|column| row.get_ref(column).map(drop))?;
                row.get(0)
            });
            // What comes before the place that was asked for is damage too.
            row.ok().filter(|found| *found >= from)
        };
        let (mut bad, mut leap) = (lost.max(0), 1_i64);
        let mut good = loop {
            let try_at = bad.checked_add(leap)?;
            if leap > 1 << 40 {
                return None;
            }
            match readable(try_at) {
                Some(found) => break found.max(try_at),
                None => leap *= 2,
            }
        };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            match readable(middle) {
                Some(_) => good = middle,
                None => bad = middle,
            }
        }
        readable(good)
    }

    /// By the key, upwards until something cannot be read, and then downwards.
    fn read_both_ends(&mut self) -> Result<(), StoreError> {
        let (table, columns) = (self.found.table.clone(), self.columns.join(", "));
        let mut key = names(
            self.new,
            &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"),
        )?;
        let upwards = format!("SELECT {columns} FROM {table} ORDER BY {}", key.join(", "));
        if self.read(&upwards, None, 0)?.1 {
            return Ok(());
        }
        self.found.is_cut = true;
        for column in &mut key {
            column.push_str(" DESC");
        }
        let downwards = format!("SELECT {columns} FROM {table} ORDER BY {}", key.join(", "));
        self.read(&downwards, None, 0)?;
        Ok(())
    }

    /// Copies the rows of a query until its end or the first that cannot be read: the number of
    /// the last, and whether it came to the end. The columns begin at `first`.
    fn read(
        &mut self,
        select: &str,
        from: Option<i64>,
        first: usize,
    ) -> Result<(Option<i64>, bool), StoreError> {
        let Ok(mut statement) = self.damaged.prepare(select) else { return Ok((None, false)) };
        let Ok(mut rows) = statement.query(params_from_iter(from)) else {
            return Ok((None, false));
        };
        let mut last = None;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok((last, true)),
                Err(_) => return Ok((last, false)),
            };
            let values: Result<Vec<Value>, _> =
                (first..first + self.columns.len()).map(|column| row.get(column)).collect();
            let Ok(values) = values else { return Ok((last, false)) };
            let number = if first > 0 { row.get(0).ok() } else { None };
            // A number that is damaged itself must not lead past rows that can be read.
            if self.keep(&values)? {
                last = number.or(last);
            }
        }
    }

    /// Writes a row into the new database, unless it is not what was stored. Whether it was.
    fn keep(&mut self, values: &[Value]) -> Result<bool, StoreError> {
        if self.is_changed(values) {
            self.found.changed += 1;
            return Ok(false);
        }
        let mut insert = self.new.prepare_cached(&self.insert)?;
        match insert.execute(params_from_iter(values)) {
            Ok(rows) => self.found.rows += rows as u64,
            // A value of another kind than its column takes is damage that SQLite did not see.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                self.found.changed += 1;
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn is_changed(&self, values: &[Value]) -> bool {
        let value = |name: &str| {
            let at = self.columns.iter().position(|column| column == name)?;
            values.get(at)
        };
        let parts = (value("seq"), value("dataset"), value("body"), value("checksum"));
        let (Some(seq), Some(dataset), Some(body), Some(stored)) = parts else { return false };
        match (seq, dataset, body, stored) {
            (_, _, _, Value::Null) => false,
            (
                Value::Integer(seq),
                Value::Integer(dataset),
                Value::Text(body),
                Value::Integer(stored),
            ) => i64::from(integrity::checksum((*seq, *dataset), body.as_bytes())) != *stored,
            _ => true,
        }
    }
}
