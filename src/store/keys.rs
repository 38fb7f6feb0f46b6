//! The keys of payments: which numbers a payment id, or a user, may have in the books.
//!
//! A unique index on ids is the most expensive thing that a capture could write: ids come in no
//! order, so each touches a page of its own. Instead every payment appends two numbers, of its id
//! and of its user, to a table that grows at its end, and the one writer keeps the ids in memory. A
//! find is only a hint: the payment itself is read and compared. A miss is certain, because the
//! table is written in the transaction of its payment, and read whole before the writer starts.
//! Reports of events have an index of their own: they are fewer, and one id may have many names.
//!
//! In: projects, ids, users. Out: numbers of payments that have them, and perhaps some more.
//! Deliberately absent: users in memory. Few ask for them, so they are looked for in the table.

mod reading;

use hashbrown::HashTable;
use rusqlite::{Connection, Statement, params};
use sha2::{Digest as _, Sha256};

use super::writer::Books;
use super::{ProjectKey, Source, StoreError};

/// Keys of one segment: as many as a table of 2²⁰ places takes, so that none ever grows and makes
/// everybody wait. 9 MiB each, of which an idle service touches one.
const SEGMENT_KEYS: usize = (1 << 20) / 8 * 7;

/// Makes numbers of ids and users.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashing {
    salt: [u8; 16],
}

impl Hashing {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let select = "SELECT salt FROM key_salt LIMIT 1";
        Ok(Self { salt: connection.query_row(select, [], |row| row.get(0))? })
    }

    /// The number of a payment id. Salted, so that nobody outside can choose ids that collide.
    pub(super) fn of_id(self, project: ProjectKey, payment_id: &str) -> i64 {
        self.hashed(b'i', project, payment_id)
    }

    /// The number of a user.
    pub(super) fn of_user(self, project: ProjectKey, user_id: &str) -> i64 {
        self.hashed(b'u', project, user_id)
    }

    fn hashed(self, kind: u8, project: ProjectKey, text: &str) -> i64 {
        let mut digest = Sha256::new();
        digest.update(self.salt);
        digest.update([kind]);
        digest.update(project.0.to_le_bytes());
        digest.update(text);
        let digest = digest.finalize();
        let mut number = [0; 8];
        number.copy_from_slice(&digest[..8]);
        i64::from_le_bytes(number)
    }
}

/// Half a hash and the place behind the segment's first number.
#[derive(Debug, Clone, Copy)]
struct Slot {
    half: u32,
    place: u32,
}

/// Where a half belongs in a table: the table takes its lowest bits and its highest.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug)]
struct Segment {
    /// The number of the first payment in it.
    base: i64,
    /// How many it has taken. A place that was given up is not given again: filling the table beyond
    /// its measure would move all of it at once.
    taken: usize,
    slots: HashTable<Slot>,
}

/// The ids of all payments in the books.
#[derive(Debug)]
pub(super) struct Keys {
    hashing: Hashing,
    segments: Vec<Segment>,
}

impl Keys {
    /// The ids of a database, all of which have their keys ([`fill`]).
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut keys = Self { hashing: Hashing::read(connection)?, segments: Vec::new() };
        let ends = connection.query_row(ENDS, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        reading::read(connection, ends, |(hash, seq)| keys.keep(hash, seq))?;
        Ok(keys)
    }

    /// The payments that may have this id.
    pub(super) fn of_id(&self, project: ProjectKey, payment_id: &str) -> Vec<i64> {
        self.find(self.hashing.of_id(project, payment_id))
    }

    fn find(&self, hash: i64) -> Vec<i64> {
        let half = half(hash);
        let mut found = Vec::new();
        for Segment { base, slots, .. } in &self.segments {
            let equal = slots.iter_hash(spread(half)).filter(|slot| slot.half == half);
            found.extend(equal.map(|slot| base + i64::from(slot.place)));
        }
        found
    }

    /// Notes a payment on its way into the books, there by [`INSERT`], and here. If it does not get
    /// there, what stays here finds nothing.
    pub(super) fn append(
        &mut self,
        insert: &mut Statement<'_>,
        seq: i64,
        (project, payment_id, user_id): (ProjectKey, Option<&str>, &str),
        source: Source,
    ) -> Result<(), StoreError> {
        let id = payment_id.filter(|_| source != Source::Event);
        let id = id.map(|id| self.hashing.of_id(project, id));
        let row = params![seq, id, self.hashing.of_user(project, user_id)];
        insert.execute(row)?;
        if let Some(id) = id {
            self.keep(id, seq);
        }
        Ok(())
    }

    fn keep(&mut self, hash: i64, seq: i64) {
        let half = half(hash);
        let place = |base: i64| u32::try_from(seq.checked_sub(base)?).ok();
        let room = self
            .segments
            .last()
            .and_then(|last| place(last.base).filter(|_| last.taken < SEGMENT_KEYS));
        if room.is_none() {
            let slots = HashTable::with_capacity(SEGMENT_KEYS);
            self.segments.push(Segment { base: seq, taken: 0, slots });
        }
        if let Some(last) = self.segments.last_mut() {
            let slot = Slot { half, place: room.unwrap_or(0) };
            last.taken += 1;
            last.slots.insert_unique(spread(half), slot, |slot| spread(slot.half));
        }
    }

    /// Forgets a payment that has left the books.
    pub(super) fn forget(&mut self, hash: i64, seq: i64) {
        let half = half(hash);
        for Segment { base, slots, .. } in &mut self.segments {
            let is_it = |slot: &Slot| slot.half == half && *base + i64::from(slot.place) == seq;
            if let Ok(found) = slots.find_entry(spread(half), is_it) {
                found.remove();
                break;
            }
        }
        // The last segment is the one that takes.
        let last = self.segments.len().saturating_sub(1);
        let mut at = 0..;
        self.segments.retain(|segment| at.next() == Some(last) || !segment.slots.is_empty());
    }
}

/// The id that has a number.
const KEYED_ID: &str = "iif(source = 'event', NULL, payment_id)";

/// The first number and the last. Each is a look at one end of the table; asked for together, `SQLite`
/// would read all of it, half a second of a start with ten million.
const ENDS: &str = "SELECT coalesce((SELECT min(seq) FROM payment_keys), 0),
                           coalesce((SELECT max(seq) FROM payment_keys), 0)";

pub(super) const INSERT: &str =
    "INSERT INTO payment_keys (seq, id_hash, user_hash) VALUES (?1, ?2, ?3)";

/// The half that is kept: a whole one would make the table half as large again, and a find is
/// looked up anyway.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half of the bits")]
fn half(hash: i64) -> u32 {
    hash as u32
}

/// Gives keys to the payments that have none: those of a former version, or of a salvage.
pub(super) fn fill(connection: &Connection) -> Result<(), StoreError> {
    let is_filled = "SELECT (SELECT max(seq) FROM payments) IS NULL
                         OR EXISTS (SELECT 1 FROM payment_keys
                                    WHERE seq = (SELECT max(seq) FROM payments))";
    if connection.query_row(is_filled, [], |row| row.get(0))? {
        return Ok(());
    }
    let hashing = Hashing::read(connection)?;
    // All or none, so that a look at the last one tells of all.
    let filling = connection.unchecked_transaction()?;
    filling.execute("DELETE FROM payment_keys", [])?;
    let select = format!("SELECT seq, project, {KEYED_ID}, user_id FROM payments");
    let mut select = filling.prepare(&select)?;
    let mut insert = filling.prepare(INSERT)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let project = ProjectKey(row.get(1)?);
        let id = row.get_ref(2)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let user = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        let id = id.map(|id| hashing.of_id(project, id));
        insert.execute(params![row.get::<_, i64>(0)?, id, hashing.of_user(project, user)])?;
    }
    drop(rows);
    drop((select, insert));
    filling.commit()?;
    Ok(())
}

/// What payments are looked for by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sought<'s> {
    /// Their id.
    Id(&'s str),
    /// Whose they are.
    User(&'s str),
}

/// Looks into the table for payments of any project behind a number: those that may be meant. It
/// reads the whole table behind that number, some 20 bytes a payment.
pub(super) fn look_up(
    connection: &Connection,
    sought: Sought<'_>,
    after: i64,
) -> Result<Vec<i64>, StoreError> {
    // Books of a former version, which only a command looks into, have indexes instead.
    if !connection.table_exists(None, "payment_keys")? {
        let (column, text) = match sought {
            Sought::Id(id) => ("payment_id", id),
            Sought::User(user) => ("user_id", user),
        };
        let select = format!(
            "SELECT p.seq FROM projects j CROSS JOIN payments p ON p.project = j.id
             WHERE p.{column} = ?1 AND p.seq > ?2"
        );
        let mut statement = connection.prepare(&select)?;
        let found = statement.query_map(params![text, after], |row| row.get(0))?;
        return Ok(found.collect::<Result<_, _>>()?);
    }
    let hashing = Hashing::read(connection)?;
    let mut projects = connection.prepare_cached("SELECT id FROM projects")?;
    let hashes = projects.query_map([], |row| {
        let project = ProjectKey(row.get(0)?);
        Ok(match sought {
            Sought::Id(id) => hashing.of_id(project, id),
            Sought::User(user) => hashing.of_user(project, user),
        })
    })?;
    let hashes = hashes.collect::<Result<Vec<i64>, _>>()?;
    let column = match sought {
        Sought::Id(_) => "id_hash",
        Sought::User(_) => "user_hash",
    };
    let select = format!(
        "SELECT seq FROM payment_keys
         WHERE seq > ?1 AND {column} IN (SELECT value FROM json_each(?2))"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let found = statement.query_map(params![after, list(&hashes)], |row| row.get(0))?;
    let mut found = found.collect::<Result<Vec<i64>, _>>()?;
    if let Sought::Id(id) = sought {
        found.extend(events(connection, id, after)?);
    }
    Ok(found)
}

/// The reports of events with this id, of any project, behind a number.
fn events(connection: &Connection, id: &str, after: i64) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT p.seq FROM projects j CROSS JOIN payments p INDEXED BY payments_events
                      ON p.project = j.id AND p.payment_id = ?1 AND p.source = 'event'
                  WHERE p.seq > ?2";
    let mut statement = connection.prepare_cached(select)?;
    let found = statement.query_map(params![id, after], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// All that may have this id: payments as the writer knows them, and reports of events.
pub(super) fn with_id(
    books: &Books<'_>,
    project: ProjectKey,
    id: &str,
) -> Result<Vec<i64>, StoreError> {
    let mut found = books.state.keys.of_id(project, id);
    found.extend(events(books.connection, id, i64::MIN)?);
    Ok(found)
}

/// Numbers as a JSON list, for `seq IN (SELECT value FROM json_each(?))`.
pub(super) fn list(numbers: &[i64]) -> String {
    // Numbers with commas between them and brackets around: JSON's own form.
    format!("{numbers:?}")
}

/// Payments whose key is missing or another: none, unless the file is damaged.
pub(super) fn unkeyed(connection: &Connection, most: u32) -> Result<Vec<i64>, StoreError> {
    let hashing = Hashing::read(connection)?;
    let select = format!(
        "SELECT p.seq, p.project, {KEYED_ID}, p.user_id, k.id_hash, k.user_hash
         FROM payments p LEFT JOIN payment_keys k ON k.seq = p.seq"
    );
    let mut statement = connection.prepare(&select)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let project = ProjectKey(row.get(1)?);
        let id = row.get_ref(2)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let user = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        let expected = (id.map(|id| hashing.of_id(project, id)), hashing.of_user(project, user));
        let kept: (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
        if kept != (expected.0, Some(expected.1)) && found.len() < most as usize {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
