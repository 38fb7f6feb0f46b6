//! Payments in the books: recorded once, held, released, removed.
//!
//! Every method is one job of the writer, so each is all or nothing, and no two of them interleave:
//! a hold asks again whether the user is known, a release asks again whether the key is free.

use std::fmt;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use super::integrity;
use super::months::counted;
use super::sources::{Source, beside_another, first_record, taken_back, waiting};
use super::writer::Books;
use super::{DatasetKey, ProjectKey, Store, StoreError, erasure, keys};
use crate::core::delivery::Delivery;
use crate::core::time::Timestamp;
use crate::core::user::User;

/// A payment on its way into the books.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// Whose books.
    pub project: ProjectKey,
    /// Half of its key.
    pub payment_type: String,
    /// The other half; payments without one are all different.
    pub payment_id: Option<String>,
    /// Whose payment it is.
    pub user_id: String,
    /// Who told of it.
    pub source: Source,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The payment as understood, hashed (`Payment::to_stored`).
    pub capture: String,
    /// The decision as JSON.
    pub decision: String,
    /// Its deliveries: dataset, time of the event, frozen bytes.
    pub deliveries: Vec<(DatasetKey, Timestamp, Arc<str>)>,
}

/// A payment as it stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    /// When it arrived.
    pub received_at: Timestamp,
    /// The payment as understood, hashed.
    pub capture: String,
    /// The decision as JSON.
    pub decision: String,
}

/// A payment and the way it goes into the books.
#[derive(Debug, Clone)]
pub enum Entry {
    /// It is recorded, with its deliveries.
    Record(NewPayment),
    /// It waits for its user, until then.
    Hold(NewPayment, Timestamp),
}

/// What entering a payment came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// It is in the books now.
    New,
    /// It waits for its user.
    Waiting,
    /// It waits for its user, and so does a payment of the same key for another user.
    WaitsBeside,
    /// An equal key of the same user waits already: this is the payment that waits, unchanged.
    WaitsAlready(StoredPayment),
    /// Its user became known meanwhile: decide again.
    UserIsKnown,
    /// Its key was taken: this is the first record, unchanged.
    Duplicate(StoredPayment),
    /// A provider tells of a payment that was taken back: it stays so.
    TakenBack,
}

/// A payment that waits for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPayment {
    /// Its number among the held.
    pub id: i64,
    /// Whose books.
    pub project: ProjectKey,
    /// Whose payment it is.
    pub user_id: String,
    /// Who told of it.
    pub source: Source,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The payment as understood, hashed.
    pub capture: String,
    /// The decision to hold it, as JSON, with what was found while reading it.
    pub decision: String,
}

impl Store {
    /// Enters payments, in this order and all in one transaction: each with its decision and its
    /// deliveries, or not at all. After `Ok` they survive a crash. A known key gives the first
    /// record, and nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then none of them was entered.
    pub async fn enter(&self, entries: Vec<Entry>) -> Result<Vec<Entered>, StoreError> {
        let work = move |books: &mut Books<'_>| {
            let enter = |entry: &Entry| match entry {
                Entry::Record(payment) | Entry::Hold(payment, _) if taken_back(books, payment)? => {
                    Ok(Entered::TakenBack)
                }
                Entry::Record(payment) => record(books, payment),
                Entry::Hold(payment, expires_at) => hold(books, payment, *expires_at),
            };
            entries.iter().map(enter).collect()
        };
        self.append(work).await
    }

    /// Records a payment that was held, and ends its waiting. If its key was taken meanwhile, the
    /// first record stands. `None` if it waits no longer: somebody else released or removed it.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then it still waits.
    pub async fn release(
        &self,
        held: i64,
        payment: NewPayment,
    ) -> Result<Option<Entered>, StoreError> {
        let work = move |books: &mut Books<'_>| {
            let delete =
                "DELETE FROM held_payments WHERE id = ?1 AND project = ?2 AND user_id = ?3";
            let row = params![held, payment.project.0, payment.user_id];
            let waiting = books.connection.prepare_cached(delete)?.execute(row)?;
            if waiting == 0 { Ok(None) } else { record(books, &payment).map(Some) }
        };
        self.write(work).await
    }

    /// Since when a user is known; `None` of one whom nobody signed up.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn known_since(
        &self,
        project: ProjectKey,
        user_id: String,
    ) -> Result<Option<Timestamp>, StoreError> {
        let read = move |connection: &Connection| {
            let select = "SELECT known_at FROM users WHERE project = ?1 AND user_id = ?2";
            let mut statement = connection.prepare_cached(select)?;
            let row = statement.query_row(params![project.0, user_id], |row| row.get(0));
            Ok(row.optional()?.map(Timestamp::from_millis))
        };
        self.read(read).await
    }

    /// Held payments whose user is known, a thousand at most: what a crash between signup and
    /// release left behind, or what was too much for one answer.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn releasable(&self, now: Timestamp) -> Result<Vec<HeldPayment>, StoreError> {
        let select = "SELECT id, project, user_id, received_at, capture, decision, source
                      FROM held_payments h WHERE expires_at > ?1 AND EXISTS (SELECT 1 FROM users u
                            WHERE u.project = h.project AND u.user_id = h.user_id)
                      ORDER BY id LIMIT 1000";
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(select)?;
            let rows = statement.query_map([now.millis()], held_payment)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        };
        self.read(read).await
    }
}

/// What is known of these users, in their order.
pub(super) fn users(
    connection: &Connection,
    users: &[(ProjectKey, String)],
) -> Result<Vec<Option<User>>, StoreError> {
    users.iter().map(|(project, user_id)| user(connection, *project, user_id)).collect()
}

/// What is known of a user.
pub(super) fn user(
    connection: &Connection,
    project: ProjectKey,
    user_id: &str,
) -> Result<Option<User>, StoreError> {
    let select = "SELECT person FROM users WHERE project = ?1 AND user_id = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let text: Option<String> =
        statement.query_row(params![project.0, user_id], |row| row.get(0)).optional()?;
    Ok(text.map(|text| User::from_stored(&text)))
}

/// The statements that every payment runs. They are looked up once for a group: a look costs as much
/// as a quarter of what the statement does.
pub(super) struct Inserts<'c> {
    payment: CachedStatement<'c>,
    key: CachedStatement<'c>,
    delivery: CachedStatement<'c>,
}

impl fmt::Debug for Inserts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Inserts")
    }
}

impl<'c> Inserts<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        let payment = "INSERT INTO payments (seq, project, type, payment_id, user_id, received_at,
                                             capture, decision, first_delivery, deliveries, source)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let delivery = "INSERT INTO deliveries (seq, dataset, payment, expires_at, body, checksum)
                        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        Ok(Self {
            payment: connection.prepare_cached(payment)?,
            key: connection.prepare_cached(keys::INSERT)?,
            delivery: connection.prepare_cached(delivery)?,
        })
    }
}

pub(super) fn record(books: &mut Books<'_>, payment: &NewPayment) -> Result<Entered, StoreError> {
    if let Some(first) = first_record(books, payment)? {
        return Ok(Entered::Duplicate(first));
    }
    let seq = books.state.payment();
    let first = books.state.deliveries(payment.deliveries.len());
    let (inserts, state) = books.inserts()?;
    inserts.payment.execute(params![
        seq,
        payment.project.0,
        payment.payment_type,
        payment.payment_id,
        payment.user_id,
        payment.received_at.millis(),
        payment.capture,
        payment.decision,
        first,
        payment.deliveries.len(),
        payment.source.as_str(),
    ])?;
    let key = (payment.project, payment.payment_id.as_deref(), payment.user_id.as_str());
    state.keys.append(&mut inserts.key, seq, key, payment.source)?;
    append(books, (seq, first), &payment.deliveries)?;
    erasure::note(books.connection, (seq, payment.received_at), payment)?;
    counted(books, payment)?;
    Ok(Entered::New)
}

/// Appends the deliveries of a payment, numbered from `first`, and rings their bells.
pub(super) fn append(
    books: &mut Books<'_>,
    (payment, first): (i64, i64),
    deliveries: &[(DatasetKey, Timestamp, Arc<str>)],
) -> Result<(), StoreError> {
    let (inserts, state) = books.inserts()?;
    for (delivery, (dataset, expires_at, body)) in (first..).zip(deliveries) {
        let (at, checksum) =
            (expires_at.millis(), integrity::checksum((delivery, dataset.0), body.as_bytes()));
        inserts.delivery.execute(params![delivery, dataset.0, payment, at, body, checksum])?;
        let (expires_at, body) = (*expires_at, Arc::clone(body));
        state.recent.append(*dataset, Delivery { seq: delivery, expires_at, body, tries: 0 });
        state.ring(*dataset);
    }
    Ok(())
}

fn hold(
    books: &Books<'_>,
    payment: &NewPayment,
    expires_at: Timestamp,
) -> Result<Entered, StoreError> {
    let connection = books.connection;
    if user(connection, payment.project, &payment.user_id)?.is_some() {
        return Ok(Entered::UserIsKnown);
    }
    if let Some(first) = first_record(books, payment)? {
        return Ok(Entered::Duplicate(first));
    }
    // An equal payment is kept once, and from now on for its full time.
    if let Some((id, first)) = waiting(connection, payment)? {
        let keep = "UPDATE held_payments SET expires_at = max(expires_at, ?2) WHERE id = ?1";
        connection.prepare_cached(keep)?.execute(params![id, expires_at.millis()])?;
        return Ok(Entered::WaitsAlready(first));
    }
    let beside = beside_another(connection, payment)?;
    // One that has waited in vain is replaced.
    let insert = "INSERT INTO held_payments (project, type, payment_id, user_id, received_at,
                                             expires_at, capture, decision, source)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                  ON CONFLICT (project, payment_id, type, user_id) DO UPDATE SET
                      capture = excluded.capture, decision = excluded.decision,
                      received_at = excluded.received_at, expires_at = excluded.expires_at,
                      source = excluded.source, ended = 0";
    connection.prepare_cached(insert)?.execute(params![
        payment.project.0,
        payment.payment_type,
        payment.payment_id,
        payment.user_id,
        payment.received_at.millis(),
        expires_at.millis(),
        payment.capture,
        payment.decision,
        payment.source.as_str(),
    ])?;
    Ok(if beside { Entered::WaitsBeside } else { Entered::Waiting })
}

pub(super) fn held_of(
    connection: &Connection,
    project: ProjectKey,
    user_id: &str,
    now: Timestamp,
) -> Result<Vec<HeldPayment>, StoreError> {
    let select = "SELECT id, project, user_id, received_at, capture, decision, source
                  FROM held_payments WHERE project = ?1 AND user_id = ?2 AND expires_at > ?3 ORDER BY id LIMIT 100";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map(params![project.0, user_id, now.millis()], held_payment)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

fn held_payment(row: &Row<'_>) -> rusqlite::Result<HeldPayment> {
    Ok(HeldPayment {
        id: row.get(0)?,
        project: ProjectKey(row.get(1)?),
        user_id: row.get(2)?,
        received_at: Timestamp::from_millis(row.get(3)?),
        capture: row.get(4)?,
        decision: row.get(5)?,
        source: Source::of_row(row, 6)?,
    })
}
