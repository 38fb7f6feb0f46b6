//! Payments that went nowhere, and a second decision about them.
//!
//! Only a payment without a delivery is decided anew, so that nothing that was sent, or is on its
//! way, is ever decided twice. What was decided before is kept for the story. Each change is one
//! job of the writer and asks again whether the payment still stands as it was read.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::payments::append;
use super::writer::Books;
use super::{DatasetKey, ProjectKey, Store, StoreError, erasure};
use crate::core::time::Timestamp;

/// Which payments are looked at again.
#[derive(Debug, Clone, Default)]
pub struct Unsent {
    /// Only of this project.
    pub project: Option<ProjectKey>,
    /// Only of this verdict.
    pub verdict: Option<&'static str>,
    /// Only of this type.
    pub payment_type: Option<&'static str>,
    /// Only those that arrived then or later.
    pub since: Option<Timestamp>,
    /// Only those that arrived before.
    pub until: Option<Timestamp>,
}

/// A payment in the books that went nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentPayment {
    /// Its number.
    pub seq: i64,
    /// Whose books.
    pub project: ProjectKey,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The payment as understood, hashed.
    pub capture: String,
    /// What was decided, as JSON.
    pub decision: String,
}

/// A second decision.
#[derive(Debug, Clone)]
pub struct DecidedAnew {
    /// The number of the payment.
    pub seq: i64,
    /// The decision that was read, as JSON: if another stands there by now, nothing is changed.
    pub former: String,
    /// The new one.
    pub decision: String,
    /// Its deliveries: dataset, the latest moment at which Meta takes it, frozen bytes.
    pub deliveries: Vec<(DatasetKey, Timestamp, Arc<str>)>,
}

impl Store {
    /// Payments that went nowhere, behind the number `after`, in order of arrival, at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn unsent(
        &self,
        which: Unsent,
        after: i64,
        limit: usize,
    ) -> Result<Vec<UnsentPayment>, StoreError> {
        self.read(move |connection| unsent(connection, &which, (after, limit))).await
    }

    /// Replaces decisions and appends their deliveries, all in one transaction. Says of each
    /// whether that was done: not if the payment was removed or decided anew meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was changed.
    pub async fn decide_anew(
        &self,
        decisions: Vec<DecidedAnew>,
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        let work = move |books: &mut Books<'_>| {
            decisions.iter().map(|anew| replace(books, anew, now)).collect()
        };
        self.append(work).await
    }
}

fn unsent(
    connection: &Connection,
    which: &Unsent,
    (after, limit): (i64, usize),
) -> Result<Vec<UnsentPayment>, StoreError> {
    let select = "SELECT seq, project, received_at, capture, decision FROM payments
                  WHERE seq > ?1 AND deliveries = 0
                    AND (?2 IS NULL OR project = ?2) AND (?3 IS NULL OR type = ?3)
                    AND (?4 IS NULL OR received_at >= ?4) AND (?5 IS NULL OR received_at < ?5)
                    AND (?6 IS NULL OR decision ->> '$.verdict' = ?6)
                  ORDER BY seq LIMIT ?7";
    let mut statement = connection.prepare_cached(select)?;
    let parameters = params![
        after,
        which.project.map(|project| project.0),
        which.payment_type,
        which.since.map(Timestamp::millis),
        which.until.map(Timestamp::millis),
        which.verdict,
        limit,
    ];
    let rows = statement.query_map(parameters, unsent_payment)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

fn unsent_payment(row: &Row<'_>) -> rusqlite::Result<UnsentPayment> {
    Ok(UnsentPayment {
        seq: row.get(0)?,
        project: ProjectKey(row.get(1)?),
        received_at: Timestamp::from_millis(row.get(2)?),
        capture: row.get(3)?,
        decision: row.get(4)?,
    })
}

fn replace(books: &mut Books<'_>, anew: &DecidedAnew, now: Timestamp) -> Result<bool, StoreError> {
    let first = books.state.deliveries(anew.deliveries.len());
    let update = "UPDATE payments SET decision = ?2, first_delivery = ?3, deliveries = ?4
                  WHERE seq = ?1 AND deliveries = 0 AND decision = ?5";
    let row = params![anew.seq, anew.decision, first, anew.deliveries.len(), anew.former];
    if books.connection.prepare_cached(update)?.execute(row)? == 0 {
        return Ok(false);
    }
    // Two replays in one millisecond differ in nothing that anybody would ask for.
    let keep = "INSERT INTO former_decisions (payment, at, decision) VALUES (?1, ?2, ?3)
                ON CONFLICT DO NOTHING";
    let row = params![anew.seq, now.millis(), anew.former];
    books.connection.prepare_cached(keep)?.execute(row)?;
    append(books, (anew.seq, first), &anew.deliveries)?;
    erasure::note_anew(books.connection, (anew.seq, now), &anew.deliveries)?;
    Ok(true)
}
