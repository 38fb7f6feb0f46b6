//! Settling: everything that changes when a run of deliveries is finished, in one transaction.
//!
//! The lease's epoch is compared first; a settlement under a lost lease changes nothing. What was
//! removed while it was under way is neither sent again nor buried; if it was accepted all the
//! same, it is delivered.

use rusqlite::{Connection, params};

use super::circuits;
use super::deliveries::Settlement;
use super::writer::Books;
use super::{DatasetKey, StoreError};
use crate::core::delivery::{ACCEPTED, Attempt, Dead};

/// Settles.
pub(super) fn settle(books: &mut Books<'_>, settlement: &Settlement) -> Result<(), StoreError> {
    let connection = books.connection;
    let Settlement { lease, cursor, lease_until, .. } = settlement;
    let update = "UPDATE datasets SET cursor = max(cursor, ?3), lease_until = ?4
                  WHERE id = ?1 AND lease_epoch = ?2";
    let row = params![lease.dataset.0, lease.epoch, cursor, lease_until.millis()];
    if connection.prepare_cached(update)?.execute(row)? == 0 {
        return Err(StoreError::LeaseLost);
    }
    books.state.recent.passed(lease.dataset, *cursor);
    for attempt in &settlement.attempts {
        write_attempt(connection, lease.dataset, attempt)?;
        for delivery in &attempt.deliveries {
            books.state.under_way.settle(*delivery);
        }
        if attempt.outcome == ACCEPTED {
            // Removed while it was under way, and accepted all the same: it is delivered.
            for delivery in removed_of(connection, &attempt.deliveries)? {
                connection
                    .prepare_cached("DELETE FROM withheld WHERE delivery = ?1")?
                    .execute([delivery])?;
            }
        }
    }
    let delete = "DELETE FROM retries WHERE delivery = ?1";
    for delivery in &settlement.retried {
        connection.prepare_cached(delete)?.execute([delivery])?;
    }
    let left = settlement.dead.iter().map(|dead| dead.delivery);
    for delivery in left.chain(settlement.retries.iter().map(|(delivery, ..)| *delivery)) {
        books.state.under_way.settle(delivery);
    }
    write_retries(connection, settlement)?;
    for dead in &settlement.dead {
        write_dead(connection, lease.dataset, dead)?;
    }
    if let Some(change) = &settlement.circuit {
        circuits::write(connection, lease, change)?;
    }
    Ok(())
}

/// What is to be sent again, but for what was removed meanwhile.
fn write_retries(connection: &Connection, settlement: &Settlement) -> Result<(), StoreError> {
    let upsert = "INSERT INTO retries (delivery, dataset, tries, due_at)
                  SELECT ?1, ?2, ?3, ?4
                  WHERE NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = ?1)
                  ON CONFLICT DO UPDATE SET tries = excluded.tries, due_at = excluded.due_at";
    for (delivery, due_at, tries) in &settlement.retries {
        let row = params![delivery, settlement.lease.dataset.0, tries, due_at.millis()];
        connection.prepare_cached(upsert)?.execute(row)?;
    }
    Ok(())
}

fn write_attempt(
    connection: &Connection,
    dataset: DatasetKey,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (attempt.deliveries.first(), attempt.deliveries.last()) else {
        return Ok(());
    };
    let events = attempt.deliveries.len();
    let gapless = usize::try_from(last - first + 1) == Ok(events);
    let members = (!gapless).then(|| format!("{:?}", attempt.deliveries));
    let insert = "INSERT INTO attempts (dataset, at, millis, first, last, events, members,
                                        outcome, status, code, subcode, says, trace_id)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    connection.prepare_cached(insert)?.execute(params![
        dataset.0,
        attempt.at.millis(),
        attempt.millis,
        first,
        last,
        events,
        members,
        attempt.outcome,
        attempt.status,
        attempt.code,
        attempt.subcode,
        attempt.says,
        attempt.trace_id,
    ])?;
    Ok(())
}

fn write_dead(connection: &Connection, dataset: DatasetKey, dead: &Dead) -> Result<(), StoreError> {
    let insert = "INSERT INTO dead_letters (delivery, dataset, at, reason, code, subcode, says,
                                            trace_id)
                  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
                  WHERE NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = ?1)
                  ON CONFLICT DO NOTHING";
    connection.prepare_cached(insert)?.execute(params![
        dead.delivery,
        dataset.0,
        dead.at.millis(),
        dead.reason.as_str(),
        dead.code,
        dead.subcode,
        dead.says,
        dead.trace_id,
    ])?;
    Ok(())
}

/// Those of the deliveries whose payments were removed.
pub(super) fn removed_of(
    connection: &Connection,
    deliveries: &[i64],
) -> Result<Vec<i64>, StoreError> {
    let (Some(first), Some(last)) = (deliveries.iter().min(), deliveries.iter().max()) else {
        return Ok(Vec::new());
    };
    let select = "SELECT delivery FROM withheld WHERE delivery BETWEEN ?1 AND ?2";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([first, last], |row| row.get(0))?;
    let removed: Vec<i64> = rows.collect::<Result<_, _>>()?;
    Ok(removed.into_iter().filter(|seq| deliveries.contains(seq)).collect())
}
