//! Why nothing is sent to a dataset, and how much waits for it.
//!
//! In: changes, as part of a settlement under a lease. Out: what a restart goes by, and what the
//! admin API and the metrics show.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{DatasetKey, Lease, Store, StoreError, tallies};
use crate::core::delivery::{Circuit, Why};
use crate::core::time::Timestamp;

/// A change of a dataset's circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitChange {
    /// Its number within the lease: of two that cross on their way, the later one counts.
    pub change: i64,
    /// Why nothing is sent; `None` if it flows again.
    pub circuit: Option<Circuit>,
}

/// A dataset, as whoever watches it wants to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetState {
    /// Its name.
    pub name: String,
    /// Why nothing is sent to it, if that is so.
    pub circuit: Option<Circuit>,
    /// Deliveries that no request has finished yet.
    pub pending: i64,
    /// Deliveries that left the order and are to be sent again.
    pub retrying: i64,
    /// Deliveries that need a person.
    pub dead: i64,
    /// When the payment of the oldest unfinished delivery arrived.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Why nothing is sent to a dataset, if that is so.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn circuit(&self, dataset: DatasetKey) -> Result<Option<Circuit>, StoreError> {
        self.read(move |connection| circuit(connection, dataset)).await
    }

    /// Notes what somebody outside was told of a dataset and has heard: that it is paused since then,
    /// or that it flows.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn alarm_heard(
        &self,
        dataset: DatasetKey,
        paused: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let upsert =
            "INSERT INTO circuits (dataset, epoch, change, since, until, failures, says, heard)
                      VALUES (?1, 0, 0, 0, 0, 0, '', ?2)
                      ON CONFLICT DO UPDATE SET heard = excluded.heard";
        let row = (dataset.0, paused.map(Timestamp::millis));
        self.write(move |books| {
            Ok(books.connection.prepare_cached(upsert)?.execute(row).map(drop)?)
        })
        .await
    }

    /// Since when a dataset is paused, as somebody outside was told and has heard; nothing if they
    /// believe that it flows.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn alarmed(&self, dataset: DatasetKey) -> Result<Option<Timestamp>, StoreError> {
        let read = move |connection: &Connection| {
            let select = "SELECT heard FROM circuits WHERE dataset = ?1";
            let mut statement = connection.prepare_cached(select)?;
            let heard: Option<Option<i64>> =
                statement.query_row([dataset.0], |row| row.get(0)).optional()?;
            Ok(heard.flatten().map(Timestamp::from_millis))
        };
        self.read(read).await
    }

    /// How things stand with these datasets, in their order.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn datasets(&self, keys: Vec<DatasetKey>) -> Result<Vec<DatasetState>, StoreError> {
        self.read_much(move |connection| datasets(connection, &keys)).await
    }

    /// The datasets to which nothing is sent, and why.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn stopped(&self) -> Result<Vec<(String, Circuit)>, StoreError> {
        self.read(stopped).await
    }
}

/// Writes a change, unless a later one is written already.
pub(super) fn write(
    connection: &Connection,
    lease: &Lease,
    change: &CircuitChange,
) -> Result<(), StoreError> {
    let upsert = "INSERT INTO circuits (dataset, epoch, change, why, since, until, failures, code,
                                        subcode, says)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                  ON CONFLICT DO UPDATE SET epoch = excluded.epoch, change = excluded.change,
                      why = excluded.why, since = excluded.since, until = excluded.until,
                      failures = excluded.failures, code = excluded.code,
                      subcode = excluded.subcode, says = excluded.says
                  WHERE (excluded.epoch, excluded.change) > (circuits.epoch, circuits.change)";
    let circuit = change.circuit.as_ref();
    connection.prepare_cached(upsert)?.execute(params![
        lease.dataset.0,
        lease.epoch,
        change.change,
        circuit.map(|circuit| circuit.why.as_str()),
        circuit.map_or(0, |circuit| circuit.since.millis()),
        circuit.map_or(0, |circuit| circuit.until.millis()),
        circuit.map_or(0, |circuit| circuit.failures),
        circuit.and_then(|circuit| circuit.code),
        circuit.and_then(|circuit| circuit.subcode),
        circuit.map_or("", |circuit| circuit.says.as_str()),
    ])?;
    Ok(())
}

pub(super) fn circuit(
    connection: &Connection,
    dataset: DatasetKey,
) -> Result<Option<Circuit>, StoreError> {
    let select = "SELECT why, since, until, failures, code, subcode, says FROM circuits
                  WHERE dataset = ?1 AND why IS NOT NULL";
    let mut statement = connection.prepare_cached(select)?;
    let found = statement.query_row([dataset.0], |row| circuit_at(row, 0)).optional()?;
    Ok(found.flatten())
}

/// The datasets to which nothing is sent, by their names.
pub(super) fn stopped(connection: &Connection) -> Result<Vec<(String, Circuit)>, StoreError> {
    let select = "SELECT d.name, c.why, c.since, c.until, c.failures, c.code, c.subcode, c.says
                  FROM circuits c JOIN datasets d ON d.id = c.dataset
                  WHERE c.why IS NOT NULL ORDER BY d.name";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, circuit_at(row, 1)?)))?;
    let all: Vec<(String, Option<Circuit>)> = rows.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter_map(|(name, circuit)| Some((name, circuit?))).collect())
}

/// The circuit that stands in a row from this column on; nothing if it flows.
fn circuit_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Circuit>> {
    let why: Option<String> = row.get(first)?;
    let Some(why) = why.as_deref().and_then(Why::read) else { return Ok(None) };
    Ok(Some(Circuit {
        why,
        since: Timestamp::from_millis(row.get(first + 1)?),
        until: Timestamp::from_millis(row.get(first + 2)?),
        failures: row.get(first + 3)?,
        code: row.get(first + 4)?,
        subcode: row.get(first + 5)?,
        says: row.get(first + 6)?,
    }))
}

fn datasets(connection: &Connection, keys: &[DatasetKey]) -> Result<Vec<DatasetState>, StoreError> {
    // One snapshot: the numbers of one moment.
    let snapshot = connection.unchecked_transaction()?;
    let counts = tallies::counts(&snapshot)?;
    let select = "SELECT d.name, (SELECT count(*) FROM retries r WHERE r.dataset = d.id),
                         c.why, c.since, c.until, c.failures, c.code, c.subcode, c.says
                  FROM datasets d LEFT JOIN circuits c ON c.dataset = d.id WHERE d.id = ?1";
    let mut statement = snapshot.prepare_cached(select)?;
    let state = |key: &DatasetKey| {
        let standing = counts.datasets.get(&key.0).copied().unwrap_or_default();
        let mut state = statement.query_row([key.0], |row: &Row<'_>| {
            let (name, retrying) = (row.get(0)?, row.get(1)?);
            let (circuit, dead) = (circuit_at(row, 2)?, standing.dead);
            Ok(DatasetState { name, circuit, pending: 0, retrying, dead, oldest: None })
        })?;
        state.pending = tallies::pending(&snapshot, key.0, &standing)?;
        // Where nothing waits, a search for the oldest would read the log to its end.
        if state.pending + state.retrying > 0 {
            state.oldest = oldest(&snapshot, *key, (standing.cursor, state.pending > 0))?;
        }
        Ok(state)
    };
    keys.iter().map(state).collect()
}

/// When the payment arrived whose delivery is the oldest that is not finished.
fn oldest(
    connection: &Connection,
    dataset: DatasetKey,
    (cursor, has_pending): (i64, bool),
) -> Result<Option<Timestamp>, StoreError> {
    let select = "SELECT p.received_at FROM payments p WHERE p.seq = (
                      SELECT l.payment FROM deliveries l WHERE l.seq = (
                          SELECT min(seq) FROM (
                              SELECT min(delivery) AS seq FROM retries WHERE dataset = ?1
                              UNION ALL
                              SELECT min(seq) FROM deliveries l
                              WHERE ?3 AND seq > ?2 AND dataset = ?1
                                AND NOT EXISTS (SELECT 1 FROM withheld w
                                                WHERE w.delivery = l.seq))))";
    let mut statement = connection.prepare_cached(select)?;
    let oldest = statement.query_row(params![dataset.0, cursor, has_pending], |row| row.get(0));
    Ok(oldest.optional()?.map(Timestamp::from_millis))
}
