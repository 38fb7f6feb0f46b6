//! The limit of a month: recording a payment only while its month has room.
//!
//! One job of the writer, so any number of senders at once never pass the limit. The count stands
//! in the books: made from the payments at the first question, then kept by every recording,
//! whichever door it came through. A removed payment goes on counting.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::payments::record;
use super::sources::first_record;
use super::writer::Books;
use super::{Entered, NewPayment, ProjectKey, Store, StoreError};
use crate::core::time::Timestamp;

impl Store {
    /// Records a payment, unless its month holds `limit` payments already: then `None`. A known
    /// key gives the first record, whatever the limit says.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was recorded.
    pub async fn record_within(
        &self,
        payment: NewPayment,
        limit: Option<u32>,
    ) -> Result<Option<Entered>, StoreError> {
        let work = move |books: &mut Books<'_>| {
            if let Some(limit) = limit
                && count(books, payment.project, payment.received_at)? >= limit.into()
            {
                let first = first_record(books, &payment)?;
                return Ok(first.map(Entered::Duplicate));
            }
            record(books, &payment).map(Some)
        };
        self.append(work).await
    }
}

/// How many payments of this month were recorded.
fn count(books: &mut Books<'_>, project: ProjectKey, moment: Timestamp) -> Result<i64, StoreError> {
    let connection = books.connection;
    let (starts_at, ends_at) = moment.month();
    let select = "SELECT payments FROM months WHERE project = ?1 AND starts_at = ?2";
    let key = params![project.0, starts_at.millis()];
    let kept = connection.prepare_cached(select)?.query_row(key, |row| row.get(0)).optional()?;
    if let Some(kept) = kept {
        return Ok(kept);
    }
    // Before the row is there, so that a crash of this job costs a look and not a payment.
    books.state.counts_months = true;
    // What was removed while it waited for its user was never recorded.
    let insert = "INSERT INTO months (project, starts_at, ends_at, payments) SELECT ?1, ?2, ?3,
        (SELECT count(*) FROM payments
         WHERE project = ?1 AND received_at >= ?2 AND received_at < ?3)
        + (SELECT count(*) FROM removed_payments
           WHERE project = ?1 AND received_at >= ?2 AND received_at < ?3
             AND decision ->> '$.verdict' IS NOT 'hold')
        RETURNING payments";
    let row = params![project.0, starts_at.millis(), ends_at.millis()];
    Ok(connection.prepare_cached(insert)?.query_row(row, |row| row.get(0))?)
}

/// Counts a payment that was recorded just now, if somebody counts its month.
pub(super) fn counted(books: &Books<'_>, payment: &NewPayment) -> Result<(), StoreError> {
    // Most services have no limit of months, and ask for no count.
    if !books.state.counts_months {
        return Ok(());
    }
    let update = "UPDATE months SET payments = payments + 1
                  WHERE project = ?1 AND starts_at <= ?2 AND ends_at > ?2";
    let row = params![payment.project.0, payment.received_at.millis()];
    books.connection.prepare_cached(update)?.execute(row)?;
    Ok(())
}

/// Whether any month is counted.
pub(super) fn are_counted(connection: &Connection) -> Result<bool, StoreError> {
    let select = "SELECT EXISTS (SELECT 1 FROM months)";
    Ok(connection.query_row(select, [], |row| row.get(0))?)
}
