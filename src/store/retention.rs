//! Pruning: what is older than the books are kept, in slices that never hold the writer up.
//!
//! In: the moment before which nothing is kept, and where the last slice ended. Out: what was
//! pruned, and where the next slice begins. A payment goes with its events, its former decisions
//! and its dead letters, and only once none of its events can be sent again; what died or was ended
//! later is kept as long itself. An event to a dataset that nobody sends to any more waits until Meta
//! would not take it; then it is one that nobody looked after in time. Its key is free then. Every slice is counted in the transaction
//! that prunes it. Deliberately absent: users and installations, which later payments need, and the
//! counts of months.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::writer::Books;
use super::{DatasetKey, Store, StoreError};
use crate::core::time::Timestamp;

/// Rows of one table that a slice looks at. With what belongs to a payment, a transaction deletes
/// less than a thousand rows, in some milliseconds.
const SLICE: usize = 100;

/// Where a slice begins: behind this row of this table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Payments, by arrival and number.
    Payments(i64, i64),
    /// What is left of removed payments, by arrival and number.
    Removed(i64, i64),
    /// Held payments that waited in vain.
    Held,
    /// Requests to Meta, by number.
    Attempts(i64),
}

impl Stage {
    /// Where pruning begins.
    pub const FIRST: Self = Self::Payments(i64::MIN, i64::MIN);
}

/// What is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Nothing that is older.
    pub before: Timestamp,
    /// The time of pruning.
    pub now: Timestamp,
    /// The datasets that events are sent to. What waits for another one waits in vain.
    pub datasets: Arc<[DatasetKey]>,
}

/// What a slice pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Payments: recorded, removed and held ones.
    pub payments: usize,
    /// Rows that it looked at.
    pub looked_at: usize,
    /// Where the next slice begins; none behind the last.
    pub next: Option<Stage>,
}

impl Store {
    /// Prunes one slice of what is not kept.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then this slice pruned nothing.
    pub async fn prune(&self, kept: Kept, stage: Stage) -> Result<Pruned, StoreError> {
        let work = move |books: &mut Books<'_>| {
            let connection = books.connection;
            match stage {
                Stage::Payments(..) | Stage::Removed(..) => payments(books, &kept, stage),
                Stage::Held => held(connection, kept.before),
                Stage::Attempts(after) => attempts(connection, kept.before, after),
            }
        };
        self.write(work).await
    }

    /// Ends the waiting of held payments whose time is over, a thousand at most, and erases the
    /// address and the browser from them. They stay to be told until they are pruned. Returns how
    /// many.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then none was ended.
    pub async fn end_holds(&self, now: Timestamp) -> Result<usize, StoreError> {
        let over = move |connection: &Connection| {
            let select = "SELECT EXISTS (SELECT 1 FROM held_payments
                                         WHERE ended = 0 AND expires_at <= ?1)";
            Ok(connection.prepare_cached(select)?.query_row([now.millis()], |row| row.get(0))?)
        };
        if !self.read(over).await? {
            return Ok(0);
        }
        let work = move |books: &mut Books<'_>| {
            let update = "UPDATE held_payments SET ended = 1, capture = iif(json_valid(capture),
                    json_remove(capture, '$.user_data.client_ip_address',
                                         '$.user_data.client_user_agent'), capture)
                WHERE id IN (SELECT id FROM held_payments WHERE ended = 0 AND expires_at <= ?1
                             ORDER BY expires_at LIMIT 1000)";
            Ok(books.connection.prepare_cached(update)?.execute([now.millis()])?)
        };
        self.write(work).await
    }
}

/// A payment that may be pruned.
struct Old {
    seq: i64,
    place: (i64, i64),
    deliveries: std::ops::Range<i64>,
}

fn payments(books: &mut Books<'_>, kept: &Kept, stage: Stage) -> Result<Pruned, StoreError> {
    let connection = books.connection;
    let before = kept.before;
    // A removed payment is kept for as long after its removal.
    let (table, condition, what, after, then) = match stage {
        Stage::Removed(at, seq) => {
            ("removed_payments", "removed_at < ?3", "removed", (at, seq), Stage::Held)
        }
        Stage::Payments(at, seq) => {
            let then = Stage::Removed(i64::MIN, i64::MIN);
            ("payments", "true", "payments", (at, seq), then)
        }
        Stage::Held | Stage::Attempts(_) => return Ok(Pruned::default()),
    };
    let select = format!(
        "SELECT seq, received_at, first_delivery, deliveries FROM {table}
         WHERE (received_at, seq) > (?1, ?2) AND received_at < ?3 AND {condition}
         ORDER BY received_at, seq LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let rows = statement.query_map(params![after.0, after.1, before.millis(), SLICE], |row| {
        let (seq, first, count): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        Ok(Old { seq, place: (row.get(1)?, seq), deliveries: first..first + count })
    })?;
    let found = rows.collect::<Result<Vec<_>, _>>()?;
    let next = match found.last() {
        Some(last) if found.len() == SLICE => match stage {
            Stage::Removed(..) => Stage::Removed(last.place.0, last.place.1),
            Stage::Payments(..) | Stage::Held | Stage::Attempts(_) => {
                Stage::Payments(last.place.0, last.place.1)
            }
        },
        Some(_) | None => then,
    };
    let mut pruned = Pruned { payments: 0, looked_at: found.len(), next: Some(next) };
    let delete = format!("DELETE FROM {table} WHERE seq = ?1");
    for old in found {
        if !may_go(connection, &old.deliveries, kept)? {
            continue;
        }
        prune_deliveries(connection, &old.deliveries)?;
        books.state.recent.changed(old.deliveries.end - 1);
        let former = "DELETE FROM former_decisions WHERE payment = ?1";
        connection.prepare_cached(former)?.execute([old.seq])?;
        connection.prepare_cached(&delete)?.execute([old.seq])?;
        books.state.forget(connection, old.seq)?;
        remember(connection, "payment", old.seq)?;
        pruned.payments += 1;
    }
    count(connection, what, pruned.payments)?;
    Ok(pruned)
}

/// Whether none of these deliveries can be sent again, and nobody decided about one since.
fn may_go(
    connection: &Connection,
    deliveries: &std::ops::Range<i64>,
    kept: &Kept,
) -> Result<bool, StoreError> {
    if deliveries.is_empty() {
        return Ok(true);
    }
    // Whether it waits, when Meta takes it no more, for whom, and whether somebody decided about it.
    let select = "SELECT d.seq > s.cursor OR EXISTS (SELECT 1 FROM retries r WHERE r.delivery = d.seq),
                         d.expires_at, d.dataset,
                         EXISTS (SELECT 1 FROM dead_letters l WHERE l.delivery = d.seq AND l.at >= ?3)
                         OR EXISTS (SELECT 1 FROM ended_letters e
                                    WHERE e.delivery = d.seq AND e.ended_at >= ?3)
                  FROM deliveries d JOIN datasets s ON s.id = d.dataset
                  WHERE d.seq >= ?1 AND d.seq < ?2";
    let mut statement = connection.prepare_cached(select)?;
    let before = kept.before.millis();
    let mut rows = statement.query([deliveries.start, deliveries.end, before])?;
    while let Some(row) = rows.next()? {
        let (waits, expires_at, is_young): (bool, i64, bool) =
            (row.get(0)?, row.get(1)?, row.get(3)?);
        // A forwarder may have in its hands what waits for a dataset that is sent to.
        let may_be_sent =
            expires_at >= kept.now.millis() || kept.datasets.contains(&DatasetKey(row.get(2)?));
        if is_young || waits && may_be_sent {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Deletes deliveries with what stands beside them, counted by the fate that each had.
fn prune_deliveries(
    connection: &Connection,
    deliveries: &std::ops::Range<i64>,
) -> Result<(), StoreError> {
    let fate = "SELECT CASE
            WHEN EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = d.seq) THEN 'withheld'
            WHEN EXISTS (SELECT 1 FROM dead_letters l WHERE l.delivery = d.seq) THEN 'dead'
            WHEN EXISTS (SELECT 1 FROM ended_letters e
                         WHERE e.delivery = d.seq AND e.how = 'dropped') THEN 'dropped'
            WHEN d.seq > s.cursor THEN 'dead'
            WHEN EXISTS (SELECT 1 FROM retries r WHERE r.delivery = d.seq) THEN 'dead'
            ELSE 'delivered' END
        FROM deliveries d LEFT JOIN datasets s ON s.id = d.dataset WHERE d.seq = ?1";
    for delivery in deliveries.clone() {
        let mut statement = connection.prepare_cached(fate)?;
        let fates = statement.query_map([delivery], |row| row.get::<_, String>(0))?;
        for fate in fates.collect::<Result<Vec<_>, _>>()? {
            count(connection, &fate, 1)?;
        }
        for delete in [
            "DELETE FROM withheld WHERE delivery = ?1",
            "DELETE FROM retries WHERE delivery = ?1",
            "DELETE FROM dead_letters WHERE delivery = ?1",
            "DELETE FROM ended_letters WHERE delivery = ?1",
            "DELETE FROM deliveries WHERE seq = ?1",
        ] {
            connection.prepare_cached(delete)?.execute([delivery])?;
        }
    }
    match deliveries.end.checked_sub(1) {
        // No cursor stands for it if it waited in vain.
        Some(last) if !deliveries.is_empty() => remember(connection, "delivery", last),
        Some(_) | None => Ok(()),
    }
}

/// A number that was given is not given again.
fn remember(connection: &Connection, what: &str, number: i64) -> Result<(), StoreError> {
    let upsert = "INSERT INTO last_numbers (what, number) VALUES (?1, ?2)
                  ON CONFLICT DO UPDATE SET number = max(number, excluded.number)";
    connection.prepare_cached(upsert)?.execute(params![what, number])?;
    Ok(())
}

fn held(connection: &Connection, before: Timestamp) -> Result<Pruned, StoreError> {
    let delete = "DELETE FROM held_payments WHERE id IN (
        SELECT id FROM held_payments WHERE received_at < ?1 AND ended <> 0
        ORDER BY received_at LIMIT ?2)";
    let payments = connection.prepare_cached(delete)?.execute(params![before.millis(), SLICE])?;
    count(connection, "expired", payments)?;
    let next = if payments == SLICE { Stage::Held } else { Stage::Attempts(0) };
    Ok(Pruned { payments, looked_at: payments, next: Some(next) })
}

/// Requests to Meta go once all that they carried is gone.
fn attempts(connection: &Connection, before: Timestamp, after: i64) -> Result<Pruned, StoreError> {
    let select = "SELECT id, at < ?2, EXISTS (SELECT 1 FROM deliveries d
                                              WHERE d.seq >= a.first AND d.seq <= a.last)
                  FROM attempts a WHERE id > ?1 ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map(params![after, before.millis(), SLICE], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
    })?;
    let found = rows.collect::<Result<Vec<_>, _>>()?;
    // They are numbered in the order in which they were settled: behind a young one are no old ones.
    let old: Vec<_> = found.iter().take_while(|(_, is_old, _)| *is_old).collect();
    let mut gone = 0;
    for (id, _, is_needed) in &old {
        if !is_needed {
            connection.prepare_cached("DELETE FROM attempts WHERE id = ?1")?.execute([id])?;
            gone += 1;
        }
    }
    count(connection, "attempts", gone)?;
    let last = old.last().filter(|_| old.len() == SLICE);
    Ok(Pruned {
        payments: 0,
        looked_at: found.len(),
        next: last.map(|(id, ..)| Stage::Attempts(*id)),
    })
}

fn count(connection: &Connection, what: &str, count: usize) -> Result<(), StoreError> {
    if count == 0 {
        return Ok(());
    }
    let add = "INSERT INTO pruned (what, count) VALUES (?1, ?2)
               ON CONFLICT DO UPDATE SET count = count + excluded.count";
    connection.prepare_cached(add)?.execute(params![what, count])?;
    Ok(())
}
