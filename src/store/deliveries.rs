//! The log of deliveries and its cursors: lease, read, claim, settle.
//!
//! A delivery is appended once and never changes state. Which ones are done is the dataset's
//! cursor; a settlement moves it over a finished prefix, and in the same transaction writes down
//! the attempts and whatever left the order. Only the holder of the lease may settle: the epoch
//! that a lease was given is compared inside the settling transaction.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::circuits::CircuitChange;
use super::integrity;
use super::settle;
use super::writer::Books;
use super::{DatasetKey, Store, StoreError};
use crate::core::batch::BatchLimits;
use crate::core::delivery::{Attempt, Dead, Delivery};
use crate::core::time::Timestamp;

/// The right to send to a dataset, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Of which dataset.
    pub dataset: DatasetKey,
    /// The fencing number: greater than that of every lease before.
    pub epoch: i64,
    /// Up to which delivery everything is finished.
    pub cursor: i64,
}

/// A run of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRun {
    /// The deliveries, in order.
    pub deliveries: Vec<Delivery>,
    /// Whether the run ended at a limit: there is more.
    pub is_full: bool,
    /// The newest delivery of any dataset when the run was read. If the run is not full, nothing
    /// of the dataset stands between its end and here.
    pub newest: i64,
}

impl LogRun {
    /// Whether the run takes the next delivery, of all of which it knows the bytes; if not, it is full.
    pub(super) fn takes(
        &mut self,
        next: &Delivery,
        bytes: &mut usize,
        limits: BatchLimits,
    ) -> bool {
        *bytes += next.body.len() + 1;
        self.is_full = self.deliveries.len() == limits.events
            || *bytes > limits.bytes && !self.deliveries.is_empty();
        !self.is_full
    }
}

/// Everything that changes when a run of deliveries is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Under which lease.
    pub lease: Lease,
    /// The new cursor: everything up to here is finished or stands in the retries.
    pub cursor: i64,
    /// Until when the lease is renewed.
    pub lease_until: Timestamp,
    /// The requests that were made.
    pub attempts: Vec<Attempt>,
    /// Deliveries that need a person.
    pub dead: Vec<Dead>,
    /// Deliveries to send again: which, when, after how many tries.
    pub retries: Vec<(i64, Timestamp, u32)>,
    /// Deliveries that came from the retries and are finished or dead now.
    pub retried: Vec<i64>,
    /// Why nothing is sent to the dataset, if that has changed.
    pub circuit: Option<CircuitChange>,
}

impl Settlement {
    /// A settlement that only renews the lease.
    #[must_use]
    pub fn renewal(lease: Lease, lease_until: Timestamp) -> Self {
        Self {
            lease,
            cursor: lease.cursor,
            lease_until,
            attempts: Vec::new(),
            dead: Vec::new(),
            retries: Vec::new(),
            retried: Vec::new(),
            circuit: None,
        }
    }
}

impl Store {
    /// Takes the lease of a dataset, if it is free, has ended, or is the owner's own already. One
    /// that ends later than a lease can was given by a clock that has been set back since.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn lease(
        &self,
        dataset: DatasetKey,
        owner: String,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        self.write(move |books| take_lease(books, dataset, &owner, (now, until))).await
    }

    /// Reads the log of a dataset after a delivery, in order, up to so many deliveries or bytes.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn log(
        &self,
        dataset: DatasetKey,
        after: i64,
        limits: BatchLimits,
    ) -> Result<LogRun, StoreError> {
        match self.shared.writer.tail().run(dataset, after, limits) {
            Some(run) => Ok(run),
            None => self.read(move |connection| log(connection, dataset, after, limits)).await,
        }
    }

    /// Reads what left the order and is due, in the order in which it became due. Nothing is due
    /// in more than an hour: a later date was written by a clock that has been set back since.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn due(
        &self,
        dataset: DatasetKey,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(move |connection| due(connection, dataset, now, limit)).await
    }

    /// When the next delivery that left the order is due.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn next_due(&self, dataset: DatasetKey) -> Result<Option<Timestamp>, StoreError> {
        // The same join as of what is due: a date without its delivery would wake for ever.
        let select = "SELECT r.due_at FROM retries r JOIN deliveries d ON d.seq = r.delivery
                      WHERE r.dataset = ?1 ORDER BY r.due_at LIMIT 1";
        let read = move |connection: &Connection| {
            let due: Option<i64> = connection
                .prepare_cached(select)?
                .query_row([dataset.0], |row| row.get(0))
                .optional()?;
            Ok(due.map(Timestamp::from_millis))
        };
        self.read(read).await
    }

    /// Notes that a request with these deliveries is about to be sent: from now on a removal counts
    /// them as sent. Returns those that must not be sent, because their payments were removed.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn claim(
        &self,
        dataset: DatasetKey,
        deliveries: Vec<i64>,
    ) -> Result<Vec<i64>, StoreError> {
        self.write(move |books| claim(books, dataset, &deliveries)).await
    }

    /// Settles: attempts, dead letters, retries and the cursor, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another lease was given since; then nothing is settled.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.write(move |books| settle::settle(books, &settlement)).await
    }
}

/// Takes the lease, if it may be taken.
pub(super) fn take_lease(
    books: &mut Books<'_>,
    dataset: DatasetKey,
    owner: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Lease>, StoreError> {
    let update = "UPDATE datasets SET lease_owner = ?2, lease_until = ?4,
                         lease_epoch = lease_epoch + 1
                  WHERE id = ?1 AND (lease_until <= ?3 OR lease_until > ?4 OR lease_owner = ?2)
                  RETURNING lease_epoch, cursor";
    let row = params![dataset.0, owner, now.millis(), until.millis()];
    let mut statement = books.connection.prepare_cached(update)?;
    let taken = statement
        .query_row(row, |row| Ok(Lease { dataset, epoch: row.get(0)?, cursor: row.get(1)? }))
        .optional()?;
    if taken.is_some() {
        // What an earlier lease had under way is nobody's any more.
        books.state.under_way.forget(dataset);
    }
    Ok(taken)
}

/// What left the order and is due.
pub(super) fn due(
    connection: &Connection,
    dataset: DatasetKey,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let select = "SELECT d.seq, d.expires_at, d.body, r.tries, d.checksum, d.dataset FROM retries r
                  JOIN deliveries d ON d.seq = r.delivery
                  WHERE r.dataset = ?1 AND (r.due_at <= ?2 OR r.due_at > ?2 + 3600000)
                  ORDER BY r.due_at LIMIT ?3";
    delivery_rows(connection, select, params![dataset.0, now.millis(), limit])
}

/// Notes what is about to be sent, and says what of it must not be.
pub(super) fn claim(
    books: &mut Books<'_>,
    dataset: DatasetKey,
    deliveries: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let removed = settle::removed_of(books.connection, deliveries)?;
    for delivery in deliveries.iter().filter(|seq| !removed.contains(seq)) {
        books.state.under_way.claim(*delivery, dataset);
    }
    Ok(removed)
}

fn delivery_rows(
    connection: &Connection,
    select: &'static str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Delivery>, StoreError> {
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_and_then(parameters, delivery)?;
    rows.collect()
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let seq: i64 = row.get(0)?;
    // Bytes first: a changed bit may make them no text at all, and that is damage, not our fault.
    let bytes = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
    let body = integrity::text(seq, bytes)?;
    integrity::checked((seq, row.get(5)?), &body, row.get(4)?)?;
    let expires_at = Timestamp::from_millis(row.get(1)?);
    Ok(Delivery { seq, expires_at, body, tries: row.get(3)? })
}

pub(super) fn log(
    connection: &Connection,
    dataset: DatasetKey,
    after: i64,
    limits: BatchLimits,
) -> Result<LogRun, StoreError> {
    // One snapshot for both questions: what came in between belongs to the next run.
    let snapshot = connection.unchecked_transaction()?;
    let newest = "SELECT coalesce(max(seq), 0) FROM deliveries";
    let newest = snapshot.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
    let select = "SELECT seq, expires_at, body, 0, checksum, dataset FROM deliveries
                  WHERE seq > ?2 AND dataset = ?1 ORDER BY seq";
    let mut run = LogRun { deliveries: Vec::new(), is_full: false, newest };
    let mut bytes = 0;
    let mut statement = snapshot.prepare_cached(select)?;
    let mut rows = statement.query(params![dataset.0, after])?;
    while let Some(row) = rows.next()? {
        let next = delivery(row)?;
        if !run.takes(&next, &mut bytes, limits) {
            break;
        }
        run.deliveries.push(next);
    }
    Ok(run)
}
