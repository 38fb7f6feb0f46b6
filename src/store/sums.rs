//! The sums of the books, which must always add up.
//!
//! In: nothing. Out: how many payments and deliveries stand where. The sums of deliveries are of
//! those that are kept, and each is in exactly one of them; what was pruned is counted apart, by
//! the fate that it had, so that nothing that was ever accepted is unaccounted for.

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use super::{Store, StoreError, schema, tallies};

/// The sums. Every payment and every delivery that is kept is in exactly one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Payments recorded and not removed.
    pub recorded: u64,
    /// Payments removed.
    pub removed: u64,
    /// Payments that wait for their user.
    pub held: u64,
    /// Payments that have waited in vain.
    pub expired: u64,
    /// Deliveries appended.
    pub deliveries: u64,
    /// Deliveries that Meta took.
    pub delivered: u64,
    /// Deliveries that wait for their turn.
    pub pending: u64,
    /// Deliveries that will be sent again.
    pub retrying: u64,
    /// Deliveries that need a person.
    pub dead: u64,
    /// Deliveries that a person decided not to send.
    pub dropped: u64,
    /// Deliveries of removed payments.
    pub withheld: u64,
    /// What was pruned since the books were begun.
    pub pruned: PrunedSums,
}

/// How much was pruned. Every payment and every delivery is in exactly one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PrunedSums {
    /// Recorded payments.
    pub payments: u64,
    /// Removed payments.
    pub removed: u64,
    /// Payments that had waited in vain.
    pub expired: u64,
    /// Deliveries that Meta had taken.
    pub delivered: u64,
    /// Deliveries that nobody had looked after in time.
    pub dead: u64,
    /// Deliveries that a person had dropped.
    pub dropped: u64,
    /// Deliveries of removed payments.
    pub withheld: u64,
}

impl Store {
    /// The sums.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn books(&self) -> Result<Books, StoreError> {
        self.read_much(books).await
    }
}

/// Reads the sums from a database that may be in use by another process.
///
/// # Errors
/// [`StoreError`] if it cannot be opened or read.
pub fn books_of(path: &Path) -> Result<Books, StoreError> {
    books(&schema::connect_reader(path)?)
}

fn books(connection: &Connection) -> Result<Books, StoreError> {
    // One snapshot, so that all sums are of one moment.
    let snapshot = connection.unchecked_transaction()?;
    // A copy of a database that no service of this version has opened has no sums yet.
    let has_sums = schema::version(&snapshot)? == schema::known();
    let counts =
        if has_sums { tallies::counts(&snapshot)? } else { tallies::recounted(&snapshot)? };
    let (mut pending, mut dead) = (0, 0);
    for (dataset, standing) in &counts.datasets {
        pending += tallies::pending(&snapshot, *dataset, standing)?;
        dead += standing.dead;
    }
    // Each counts an index that is short, or empty where all is well.
    let select = "SELECT (SELECT count(*) FROM held_payments WHERE ended = 0),
                         (SELECT count(*) FROM held_payments), (SELECT count(*) FROM retries)";
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut sums = snapshot.prepare_cached(select)?.query_row([], |row| {
        let (held, waited): (u64, u64) = (row.get(0)?, row.get(1)?);
        Ok(Books {
            recorded: number(counts.recorded),
            removed: number(counts.removed),
            held,
            expired: waited.saturating_sub(held),
            deliveries: number(counts.deliveries),
            delivered: 0,
            pending: number(pending),
            retrying: row.get(2)?,
            dead: number(dead),
            dropped: number(counts.dropped),
            withheld: number(counts.withheld),
            pruned: PrunedSums::default(),
        })
    })?;
    sums.pruned = pruned(&snapshot)?;
    let unfinished = sums.pending + sums.retrying + sums.dead + sums.dropped + sums.withheld;
    Ok(Books { delivered: sums.deliveries.saturating_sub(unfinished), ..sums })
}

fn pruned(connection: &Connection) -> Result<PrunedSums, StoreError> {
    let mut sums = PrunedSums::default();
    let mut statement = connection.prepare_cached("SELECT what, count FROM pruned")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (what, count): (String, u64) = (row.get(0)?, row.get(1)?);
        match what.as_str() {
            "payments" => sums.payments = count,
            "removed" => sums.removed = count,
            "expired" => sums.expired = count,
            "delivered" => sums.delivered = count,
            "dead" => sums.dead = count,
            "dropped" => sums.dropped = count,
            "withheld" => sums.withheld = count,
            // The requests: nobody adds them up.
            _ => {}
        }
    }
    Ok(sums)
}
