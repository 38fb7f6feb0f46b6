//! Erasing what Meta wants in clear and only until it has the event: a person's network address
//! and browser.
//!
//! A payment with such a field is noted when it is entered. From then on it is looked at from time
//! to time: once all its deliveries are delivered, dropped, or too old for Meta, the fields are erased from its
//! capture and from its events. A dead letter keeps them, because a retry sends the same bytes; a payment
//! without an event keeps them as long as a replay could still send one. The work is done in small
//! jobs of the writer, behind the deliveries and not among them: a settlement stays as fast as it is.
//! A user keeps what was brought last for as long as the books are kept.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::writer::Books;
use super::{DatasetKey, NewPayment, ProjectKey, Store, StoreError};
use crate::core::meta::AGE_MAX_MILLIS;
use crate::core::time::Timestamp;
use crate::core::user_data::ClearField;

/// Payments of one job: less than a thousand rows, some milliseconds.
const SLICE: usize = 100;

/// How long after its arrival a payment is first looked at, in milliseconds: most are delivered by
/// then.
const FIRST_LOOK_MILLIS: i64 = 5_000;

/// Shortest and longest time between two looks at a payment that is not finished, in milliseconds.
/// In between it is as long as the payment is old, so that a backlog is not read over and over.
const NEXT_LOOK_MILLIS: (i64, i64) = (30_000, 3_600_000);

/// How long an event must be too old before its fields are erased, in milliseconds. Ours: a clock that
/// was wrong by hours costs no event its fields.
const OVER_MILLIS: i64 = 24 * 3_600_000;

/// Takes the fields out of a capture or an event, wherever the text is JSON at all.
const ERASE_CAPTURE: &str = "UPDATE payments SET capture = json_remove(capture,
        '$.user_data.client_ip_address', '$.user_data.client_user_agent')
    WHERE seq = ?1 AND json_valid(capture)";
const ERASE_EVENTS: &str = "UPDATE deliveries SET body = json_remove(body,
        '$.user_data.client_ip_address', '$.user_data.client_user_agent'), checksum = NULL
    WHERE seq >= ?1 AND seq < ?2 AND json_valid(body)";

/// What a job of erasing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Payments that hold no address and no browser any more.
    pub payments: usize,
    /// Whether more are to be looked at right now.
    pub more: bool,
}

impl Store {
    /// Erases the address and the browser of persons from some of the payments that are finished
    /// and are to be looked at by now.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was erased.
    pub async fn erase_passing(&self, now: Timestamp) -> Result<Erased, StoreError> {
        let due = move |connection: &Connection| {
            let select = "SELECT EXISTS (SELECT 1 FROM clear_fields WHERE due_at <= ?1)";
            Ok(connection.prepare_cached(select)?.query_row([now.millis()], |row| row.get(0))?)
        };
        // Most of the time there is nothing to do, and the writer is not asked.
        if !self.read(due).await? {
            return Ok(Erased::default());
        }
        self.write(move |books| erase(books, now)).await
    }

    /// Erases the address and the browser from users of whom nobody has brought one since then, a few
    /// at most. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was erased.
    pub async fn age_users(&self, before: Timestamp) -> Result<usize, StoreError> {
        let old = self.read(move |connection| old_users(connection, before)).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let aged = old.clone();
        let work = move |books: &mut Books<'_>| {
            let update = "UPDATE users SET person = json_remove(person,
                    '$.user_data.client_ip_address', '$.user_data.client_user_agent')
                WHERE project = ?1 AND user_id = ?2 AND seen_at < ?3 AND json_valid(person)";
            let mut update = books.connection.prepare_cached(update)?;
            for (project, user_id) in &aged {
                update.execute(params![project.0, user_id, before.millis()])?;
            }
            books.state.erase();
            Ok(())
        };
        self.write(work).await?;
        for key in &old {
            self.shared.known_users.forget(key);
        }
        Ok(old.len())
    }

    /// Sees to it that what was erased, pruned or removed does not survive in the write-ahead log
    /// either. `more` says that something was erased since the last call. A reader may hold it up,
    /// so it is to be called from time to time; it costs nothing where nothing is left.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn fold_in_erased(&self, more: bool) -> Result<(), StoreError> {
        let work = move |books: &mut Books<'_>| {
            if more {
                books.state.erase();
            }
            books.state.cut_log();
            Ok(())
        };
        self.write(work).await
    }
}

/// Whether a capture, an event or a user has such a field.
pub(super) fn carries(text: &str) -> bool {
    // A text that only quotes the name is looked at in vain, and that is all.
    text.contains("\"client_")
        && ClearField::PASSING.iter().any(|field| {
            text.match_indices(field.as_str()).any(|(at, _)| text[..at].ends_with('"'))
        })
}

/// Notes a payment that was entered just now, if it or one of its events carries such a field.
pub(super) fn note(
    connection: &Connection,
    (seq, now): (i64, Timestamp),
    payment: &NewPayment,
) -> Result<(), StoreError> {
    let bodies = payment.deliveries.iter().map(|(.., body)| &**body);
    if !std::iter::once(&*payment.capture).chain(bodies).any(carries) {
        return Ok(());
    }
    let wait = if payment.deliveries.is_empty() { AGE_MAX_MILLIS } else { FIRST_LOOK_MILLIS };
    look_again(connection, seq, now.plus_millis(wait))
}

/// Notes a payment that got its events just now, if one of them carries such a field.
pub(super) fn note_anew(
    connection: &Connection,
    (seq, now): (i64, Timestamp),
    deliveries: &[(DatasetKey, Timestamp, Arc<str>)],
) -> Result<(), StoreError> {
    if !deliveries.iter().any(|(.., body)| carries(body)) {
        return Ok(());
    }
    look_again(connection, seq, now.plus_millis(FIRST_LOOK_MILLIS))
}

/// Users that have such a field, and had it last brought before.
fn old_users(
    connection: &Connection,
    before: Timestamp,
) -> Result<Vec<(ProjectKey, String)>, StoreError> {
    // The condition is that of the index, which holds these users and no others.
    let select = "SELECT project, user_id FROM users
                  WHERE (instr(person, '\"client_ip_address\":')
                         OR instr(person, '\"client_user_agent\":'))
                    AND seen_at < ?1 AND json_valid(person) ORDER BY seen_at LIMIT ?2";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map(params![before.millis(), SLICE], |row| {
        Ok((ProjectKey(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn look_again(connection: &Connection, seq: i64, due_at: Timestamp) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO clear_fields (due_at, payment) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.prepare_cached(insert)?.execute(params![due_at.millis(), seq])?;
    Ok(())
}

/// A payment that is to be looked at.
struct Noted {
    due_at: i64,
    seq: i64,
    /// When it arrived, its first delivery and their number; nothing of one that was removed.
    payment: Option<(Timestamp, i64, i64)>,
}

fn erase(books: &mut Books<'_>, now: Timestamp) -> Result<Erased, StoreError> {
    let connection = books.connection;
    let found = due(connection, now)?;
    let mut erased = Erased { payments: 0, more: found.len() == SLICE };
    for Noted { due_at, seq, payment } in found {
        let delete = "DELETE FROM clear_fields WHERE due_at = ?1 AND payment = ?2";
        connection.prepare_cached(delete)?.execute([due_at, seq])?;
        let Some((received_at, first, count)) = payment else { continue };
        let age = now.millis_since(received_at);
        if count == 0 && age < AGE_MAX_MILLIS {
            look_again(connection, seq, received_at.plus_millis(AGE_MAX_MILLIS))?;
        } else if is_finished(connection, (first, count), now)? {
            erase_one(books, seq, (first, count))?;
            erased.payments += 1;
        } else {
            let (shortest, longest) = NEXT_LOOK_MILLIS;
            look_again(connection, seq, now.plus_millis(age.clamp(shortest, longest)))?;
        }
    }
    Ok(erased)
}

fn due(connection: &Connection, now: Timestamp) -> Result<Vec<Noted>, StoreError> {
    let select = "SELECT c.due_at, c.payment, p.received_at, p.first_delivery, p.deliveries
                  FROM clear_fields c LEFT JOIN payments p ON p.seq = c.payment
                  WHERE c.due_at <= ?1 ORDER BY c.due_at, c.payment LIMIT ?2";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map(params![now.millis(), SLICE], |row| {
        let received_at: Option<i64> = row.get(2)?;
        let payment = match received_at {
            Some(at) => Some((Timestamp::from_millis(at), row.get(3)?, row.get(4)?)),
            None => None,
        };
        Ok(Noted { due_at: row.get(0)?, seq: row.get(1)?, payment })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Whether none of these deliveries will be sent again, not even by a person's decision. What is too
/// old never is, whether a forwarder has found that out or nobody sends to its dataset any more.
fn is_finished(
    connection: &Connection,
    (first, count): (i64, i64),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let select = "SELECT NOT EXISTS (
        SELECT 1 FROM deliveries d JOIN datasets s ON s.id = d.dataset
        WHERE d.seq >= ?1 AND d.seq < ?2 AND d.expires_at > ?3 AND (d.seq > s.cursor
            OR EXISTS (SELECT 1 FROM retries r WHERE r.delivery = d.seq)
            OR EXISTS (SELECT 1 FROM dead_letters l WHERE l.delivery = d.seq)))";
    let over = now.plus_millis(-OVER_MILLIS);
    let range = params![first, first + count, over.millis()];
    Ok(connection.prepare_cached(select)?.query_row(range, |row| row.get(0))?)
}

fn erase_one(
    books: &mut Books<'_>,
    seq: i64,
    (first, count): (i64, i64),
) -> Result<(), StoreError> {
    books.connection.prepare_cached(ERASE_CAPTURE)?.execute([seq])?;
    books.connection.prepare_cached(ERASE_EVENTS)?.execute([first, first + count])?;
    books.state.recent.changed(first + count - 1);
    Ok(())
}

/// Erases the fields of the payment of a delivery that was dropped just now, if that finished it.
pub(super) fn finished(
    books: &mut Books<'_>,
    delivery: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let connection = books.connection;
    let select = "SELECT p.seq, p.first_delivery, p.deliveries
                  FROM deliveries d JOIN payments p ON p.seq = d.payment WHERE d.seq = ?1";
    let found = connection
        .prepare_cached(select)?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    if let Some((seq, first, count)) = found.optional()?
        && is_finished(connection, (first, count), now)?
    {
        erase_one(books, seq, (first, count))?;
        books.state.erase();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_carries_an_address_or_a_browser_is_noted() {
        for (text, expected) in [
            (r#"{"user_data":{"client_ip_address":"203.0.113.7"}}"#, true),
            (r#"{"user_data":{"client_user_agent":"Firefox"}}"#, true),
            (r#"{"user_data":{"em":["…"]},"event_data":{"client_id":"client_ip_address"}}"#, true),
            (r#"{"user_data":{"fbp":"fb.1.1.1"},"event_data":{"client_id":"7"}}"#, false),
            ("", false),
        ] {
            assert_eq!(carries(text), expected, "{text}");
        }
    }

    #[test]
    fn what_older_books_hold_is_noted_by_the_migration() {
        let connection = Connection::open_in_memory().expect("a database in memory");
        for migration in [
            include_str!("migrations/0001_first.sql"),
            "INSERT INTO payments VALUES (1, 1, 'DEFAULT', 'a', 'u', 0, '{}', '{}', 1, 1),
                 (2, 1, 'DEFAULT', 'b', 'u', 0, '{\"user_data\":{\"client_user_agent\":\"F\"}}',
                  '{}', 2, 0),
                 (3, 1, 'DEFAULT', 'c', 'u', 0, '{}', '{}', 2, 1)",
            "INSERT INTO deliveries VALUES (1, 1, 1, 0, '{\"user_data\":{\"em\":[]}}'),
                 (2, 1, 3, 0, '{\"user_data\":{\"client_ip_address\":\"49.207.200.1\"}}')",
            include_str!("migrations/0008_retention.sql"),
        ] {
            connection.execute_batch(migration).expect(migration);
        }
        let select = "SELECT group_concat(payment) FROM clear_fields";
        let noted = connection.query_row(select, [], |row| row.get::<_, String>(0));
        assert_eq!(noted.ok().as_deref(), Some("2,3"));
    }

    #[test]
    fn the_statements_name_what_passes_and_nothing_else() {
        for statement in [ERASE_CAPTURE, ERASE_EVENTS] {
            let named = statement.matches("'$.user_data.").count();
            assert_eq!(named, ClearField::PASSING.len());
            for field in ClearField::PASSING {
                assert!(statement.contains(&format!("'$.user_data.{field}'")), "{statement}");
            }
        }
    }
}
