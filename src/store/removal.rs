//! Removals: payments taken back, with the identifiers of their person.
//!
//! One job of the writer: either all of it happened or nothing. Where each delivery stands is asked
//! at that moment, so the answer is exact: what is under way or delivered counts as sent, what is
//! not finished will not be sent.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::writer::Books;
use super::{ProjectKey, Store, StoreError};
use crate::core::time::Timestamp;

/// What a removal found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Payments taken out of the books.
    pub payments: usize,
    /// Payments that were still waiting for their user.
    pub held: usize,
    /// Deliveries that will not be sent.
    pub withheld: usize,
    /// Deliveries that were sent, or are being sent this moment.
    pub sent: usize,
}

impl Store {
    /// Removes payments by user, by id, or by both, with the identifiers of their person. What was
    /// not yet on its way is withheld; the keys are free again.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was removed.
    pub async fn remove(
        &self,
        project: ProjectKey,
        user_id: Option<String>,
        payment_id: Option<String>,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let work = move |books: &mut Books<'_>| {
            let key =
                Keys { project, user_id: user_id.as_deref(), payment_id: payment_id.as_deref() };
            remove(books, key, now)
        };
        self.write(work).await
    }
}

/// Which payments a removal means.
#[derive(Debug, Clone, Copy)]
struct Keys<'k> {
    project: ProjectKey,
    user_id: Option<&'k str>,
    payment_id: Option<&'k str>,
}

impl Keys<'_> {
    /// The condition on a table of payments, so that each form uses its index. All three take the
    /// same three parameters.
    fn condition(self) -> &'static str {
        match (self.user_id, self.payment_id) {
            (Some(_), None) => "project = ?1 AND user_id = ?2 AND ?3 IS NULL",
            (None, _) => "project = ?1 AND ?2 IS NULL AND payment_id = ?3",
            (Some(_), Some(_)) => "project = ?1 AND user_id = ?2 AND payment_id = ?3",
        }
    }
}

fn remove(books: &mut Books<'_>, keys: Keys<'_>, now: Timestamp) -> Result<Removed, StoreError> {
    let connection = books.connection;
    let parameters = params![keys.project.0, keys.user_id, keys.payment_id];
    let condition = keys.condition();
    let select = format!("SELECT seq, first_delivery, deliveries FROM payments WHERE {condition}");
    let found: Vec<(i64, i64, i64)> = connection
        .prepare_cached(&select)?
        .query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut removed = Removed { payments: found.len(), ..Removed::default() };
    for (seq, first, count) in found {
        withhold(books, first..first + count, now, &mut removed)?;
        bury(connection, seq, now)?;
    }
    let select = format!("SELECT id FROM held_payments WHERE {condition}");
    let held: Vec<i64> = connection
        .prepare_cached(&select)?
        .query_map(parameters, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    removed.held = held.len();
    for id in held {
        let seq = books.state.payment();
        bury_held(connection, id, (seq, now))?;
    }
    if removed.payments + removed.held > 0 {
        books.state.erase();
    }
    Ok(removed)
}

/// Erases the frozen events of a removed payment; what is not finished will not be sent.
fn withhold(
    books: &Books<'_>,
    deliveries: std::ops::Range<i64>,
    now: Timestamp,
    removed: &mut Removed,
) -> Result<(), StoreError> {
    let connection = books.connection;
    let select = "SELECT d.dataset, d.seq <= s.cursor AND r.delivery IS NULL AND l.delivery IS NULL
                  FROM deliveries d JOIN datasets s ON s.id = d.dataset
                  LEFT JOIN retries r ON r.delivery = d.seq
                  LEFT JOIN dead_letters l ON l.delivery = d.seq WHERE d.seq = ?1";
    for delivery in deliveries {
        let mut statement = connection.prepare_cached(select)?;
        let found = statement.query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((dataset, delivered)): Option<(i64, bool)> = found.optional()? else { continue };
        if !delivered {
            let insert = "INSERT INTO withheld (delivery, dataset, at) VALUES (?1, ?2, ?3)";
            let row = params![delivery, dataset, now.millis()];
            connection.prepare_cached(insert)?.execute(row)?;
            let delete = "DELETE FROM retries WHERE delivery = ?1";
            connection.prepare_cached(delete)?.execute([delivery])?;
        }
        if delivered || books.state.under_way.contains_key(&delivery) {
            removed.sent += 1;
        } else {
            removed.withheld += 1;
        }
        let erase = "UPDATE deliveries SET body = '' WHERE seq = ?1";
        connection.prepare_cached(erase)?.execute([delivery])?;
    }
    Ok(())
}

/// Moves a payment out of the books, leaving no trace of its person.
fn bury(connection: &Connection, seq: i64, now: Timestamp) -> Result<(), StoreError> {
    let insert = "INSERT INTO removed_payments (seq, project, type, payment_id, received_at,
                                                removed_at, decision, first_delivery, deliveries)
                  SELECT seq, project, type, payment_id, received_at, ?2, decision,
                         first_delivery, deliveries FROM payments WHERE seq = ?1";
    connection.prepare_cached(insert)?.execute(params![seq, now.millis()])?;
    connection.prepare_cached("DELETE FROM payments WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// The same for a payment that waited for its user.
fn bury_held(
    connection: &Connection,
    id: i64,
    (seq, now): (i64, Timestamp),
) -> Result<(), StoreError> {
    let insert = "INSERT INTO removed_payments (seq, project, type, payment_id, received_at,
                                                removed_at, decision, first_delivery, deliveries)
                  SELECT ?2, project, type, payment_id, received_at, ?3, decision, 0, 0
                  FROM held_payments WHERE id = ?1";
    connection.prepare_cached(insert)?.execute(params![id, seq, now.millis()])?;
    connection.prepare_cached("DELETE FROM held_payments WHERE id = ?1")?.execute([id])?;
    Ok(())
}
