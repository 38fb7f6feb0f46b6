//! Counting without reading everything: sums up to a number, and the rows behind it.
//!
//! In: the books. Out: how many rows stand where, always of one snapshot and always exact. What was
//! counted once stands in `tallies`; whoever asks adds the rows that came since, and upkeep moves
//! the sums forward in slices. An insert writes nothing here. Rows that go are subtracted by
//! triggers (migration 0012), in the transaction that deletes them. [`recounted`] reads every row and
//! must come to the same.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError};

/// Most rows that one slice counts. Ours: some ten milliseconds of one reader.
const SLICE: usize = 20_000;

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Payments recorded and not removed.
    pub(super) recorded: i64,
    /// Payments removed.
    pub(super) removed: i64,
    /// Deliveries appended, to whatever dataset.
    pub(super) deliveries: i64,
    /// Deliveries that a person decided not to send.
    pub(super) dropped: i64,
    /// Deliveries of removed payments.
    pub(super) withheld: i64,
    /// By the number of the dataset.
    pub(super) datasets: BTreeMap<i64, Standing>,
}

/// The deliveries of one dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Where its cursor stands.
    pub(super) cursor: i64,
    /// All that were appended and not pruned.
    pub(super) appended: i64,
    /// Those of them that the cursor has passed.
    pub(super) passed: i64,
    /// Those that need a person.
    pub(super) dead: i64,
}

/// A dataset, its sums as they stand in `tallies`, and what was counted since.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    cursor: i64,
    appended: i64,
    passed: i64,
    /// Up to which number `passed` counts: never behind the cursor.
    passed_up_to: i64,
}

/// The sums of the log, at one place of it.
#[derive(Debug, Clone)]
struct Log {
    count: i64,
    up_to: i64,
    late: i64,
    datasets: BTreeMap<i64, Tally>,
}

/// Rows counted since: what moves the sums forward.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    log: Option<(Log, Log)>,
    payments: Option<Payments>,
    is_last: bool,
}

/// Payments behind the sum of them.
#[derive(Debug, Clone, Copy)]
struct Payments {
    count: i64,
    from: i64,
    up_to: i64,
    late: i64,
}

impl Store {
    /// Moves the sums of the books forward by some rows. Whether there are more.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then the sums stand where they stood.
    pub async fn move_tallies(&self) -> Result<bool, StoreError> {
        let slice = self.read_much(|connection| slice(connection, SLICE)).await?;
        let more = !slice.is_last;
        if slice.log.is_some() || slice.payments.is_some() {
            self.write(move |books| move_on(books.connection, &slice)).await?;
        }
        Ok(more)
    }
}

/// What stands where, from the sums and the rows behind them. The connection has a snapshot.
pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let behind = log(connection)?;
    let (log, _) = counted_on(connection, &behind, usize::MAX)?;
    let since = payments(connection, usize::MAX)?;
    let mut counts = Counts { deliveries: log.count, ..Counts::default() };
    for (dataset, tally) in &log.datasets {
        let Tally { cursor, appended, passed, .. } = *tally;
        counts.datasets.insert(*dataset, Standing { cursor, appended, passed, dead: 0 });
    }
    let mut statement = connection.prepare_cached("SELECT what, dataset, count FROM tallies")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (what, count): (String, i64) = (row.get(0)?, row.get(2)?);
        match what.as_str() {
            "payments" => counts.recorded = count + since.count,
            "removed" => counts.removed = count,
            "dropped" => counts.dropped = count,
            "withheld" => counts.withheld = count,
            "dead" => {
                if let Some(standing) = counts.datasets.get_mut(&row.get(1)?) {
                    standing.dead = count;
                }
            }
            // The sums of the log are read above.
            _ => {}
        }
    }
    Ok(counts)
}

/// The same by reading every row.
pub(super) fn recounted(connection: &Connection) -> Result<Counts, StoreError> {
    let select = "SELECT
        (SELECT count(*) FROM payments), (SELECT count(*) FROM removed_payments),
        (SELECT count(*) FROM deliveries),
        (SELECT count(*) FROM ended_letters e WHERE e.how = 'dropped'
           AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = e.delivery)),
        (SELECT count(*) FROM withheld)";
    let mut counts = connection.query_row(select, [], |row| {
        Ok(Counts {
            recorded: row.get(0)?,
            removed: row.get(1)?,
            deliveries: row.get(2)?,
            dropped: row.get(3)?,
            withheld: row.get(4)?,
            datasets: BTreeMap::new(),
        })
    })?;
    let select = "SELECT s.id, s.cursor, coalesce(d.appended, 0), coalesce(d.passed, 0),
                         (SELECT count(*) FROM dead_letters l WHERE l.dataset = s.id
                            AND NOT EXISTS (SELECT 1 FROM retries r WHERE r.delivery = l.delivery)
                            AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = l.delivery))
                  FROM datasets s LEFT JOIN (
                      SELECT d.dataset, count(*) AS appended, sum(d.seq <= o.cursor) AS passed
                      FROM deliveries d JOIN datasets o ON o.id = d.dataset GROUP BY d.dataset) d
                  ON d.dataset = s.id";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (cursor, appended) = (row.get(1)?, row.get(2)?);
        let standing = Standing { cursor, appended, passed: row.get(3)?, dead: row.get(4)? };
        counts.datasets.insert(row.get(0)?, standing);
    }
    Ok(counts)
}

/// How the sums differ from the rows; nothing if they do not. It reads every row.
pub(super) fn difference(connection: &Connection) -> Result<Option<String>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let (sums, rows) = (counts(&snapshot)?, recounted(&snapshot)?);
    Ok((sums != rows).then(|| format!("the sums are {sums:?}, the rows are {rows:?}")))
}

/// Deliveries of a dataset that wait for their turn: behind the cursor, and in no table of their own.
pub(super) fn pending(
    connection: &Connection,
    dataset: i64,
    standing: &Standing,
) -> Result<i64, StoreError> {
    // Behind a cursor stands what was removed while it waited, and nothing else that leaves the order.
    let select = "SELECT (SELECT count(*) FROM withheld WHERE delivery > ?2 AND dataset = ?1)
                       + (SELECT count(*) FROM retries WHERE delivery > ?2 AND dataset = ?1)";
    let mut statement = connection.prepare_cached(select)?;
    let left: i64 = statement.query_row([dataset, standing.cursor], |row| row.get(0))?;
    Ok(standing.appended - standing.passed - left)
}

/// The sums of the log as they stand.
fn log(connection: &Connection) -> Result<Log, StoreError> {
    let select = "SELECT count, up_to, late FROM tallies WHERE what = 'log' AND dataset = 0";
    let mut statement = connection.prepare_cached(select)?;
    let mut log = statement.query_row([], |row| {
        let datasets = BTreeMap::new();
        Ok(Log { count: row.get(0)?, up_to: row.get(1)?, late: row.get(2)?, datasets })
    })?;
    let select = "SELECT s.id, s.cursor, coalesce(a.count, 0), coalesce(p.count, 0),
                         coalesce(p.up_to, 0)
                  FROM datasets s
                  LEFT JOIN tallies a ON a.what = 'appended' AND a.dataset = s.id
                  LEFT JOIN tallies p ON p.what = 'passed' AND p.dataset = s.id";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([], |row| {
        let (cursor, appended) = (row.get(1)?, row.get(2)?);
        let tally = Tally { cursor, appended, passed: row.get(3)?, passed_up_to: row.get(4)? };
        Ok((row.get(0)?, tally))
    })?;
    log.datasets = rows.collect::<Result<_, _>>()?;
    Ok(log)
}

/// The sums of the log a piece further on, at most so many rows, and whether that is all of it.
fn counted_on(
    connection: &Connection,
    behind: &Log,
    limit: usize,
) -> Result<(Log, bool), StoreError> {
    let newest = "SELECT coalesce(max(seq), 0) FROM deliveries";
    let newest: i64 = connection.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
    let mut log = behind.clone();
    for tally in log.datasets.values_mut() {
        leap(tally, log.up_to);
    }
    let (ranges, start) = (ranges(&log, newest), log.up_to);
    let mut left = limit;
    let mut reached = newest.max(log.up_to);
    let select = "SELECT seq, dataset FROM deliveries WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(select)?;
    'ranges: for range in ranges {
        let mut rows = statement.query([range.start(), range.end()])?;
        while let Some(row) = rows.next()? {
            let (seq, dataset): (i64, i64) = (row.get(0)?, row.get(1)?);
            if left == 0 {
                reached = seq - 1;
                break 'ranges;
            }
            left -= 1;
            let is_new = seq > start;
            log.count += i64::from(is_new);
            // A salvage may have lost the row of a dataset and not its deliveries.
            let Some(tally) = log.datasets.get_mut(&dataset) else { continue };
            tally.appended += i64::from(is_new);
            if seq > tally.passed_up_to && seq <= tally.cursor {
                tally.passed += 1;
            }
        }
    }
    log.up_to = log.up_to.max(reached);
    for tally in log.datasets.values_mut() {
        tally.passed_up_to = tally.passed_up_to.max(tally.cursor.min(reached));
    }
    Ok((log, left > 0))
}

/// Moves the place of `passed` over numbers of which it is known, without a look, how many are the
/// dataset's: all behind the cursor are passed, and where none is appended since, none is.
fn leap(tally: &mut Tally, up_to: i64) {
    if tally.cursor >= up_to {
        tally.passed = tally.appended;
    }
    if tally.passed == tally.appended {
        tally.passed_up_to = tally.passed_up_to.max(tally.cursor.min(up_to));
    }
}

/// The numbers that must be looked at, ascending: those that are new, and those that a cursor has
/// passed since.
fn ranges(log: &Log, newest: i64) -> Vec<RangeInclusive<i64>> {
    let passed = log.datasets.values().map(|tally| {
        let cursor = tally.cursor.min(newest);
        (tally.passed_up_to + 1, cursor)
    });
    let mut all: Vec<(i64, i64)> = passed.chain([(log.up_to + 1, newest)]).collect();
    all.retain(|(first, last)| first <= last);
    all.sort_unstable();
    let mut ranges: Vec<RangeInclusive<i64>> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match ranges.last_mut() {
            Some(before) if first <= before.end().saturating_add(1) => {
                *before = *before.start()..=last.max(*before.end());
            }
            Some(_) | None => ranges.push(first..=last),
        }
    }
    ranges
}

/// The payments behind their sum, at most so many.
fn payments(connection: &Connection, limit: usize) -> Result<Payments, StoreError> {
    let select = "SELECT up_to, late FROM tallies WHERE what = 'payments' AND dataset = 0";
    let mut statement = connection.prepare_cached(select)?;
    let (from, late) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let select = "SELECT count(*), coalesce(max(seq), ?1) FROM (
                      SELECT seq FROM payments WHERE seq > ?1 ORDER BY seq LIMIT ?2)";
    let mut statement = connection.prepare_cached(select)?;
    let (count, up_to) =
        statement.query_row([from, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Payments { count, from, up_to, late })
}

fn slice(connection: &Connection, limit: usize) -> Result<Slice, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let behind = log(&snapshot)?;
    let (ahead, is_whole) = counted_on(&snapshot, &behind, limit)?;
    let payments = payments(&snapshot, limit)?;
    let is_last = is_whole && usize::try_from(payments.count).is_ok_and(|count| count < limit);
    let has_moved = ahead.up_to != behind.up_to
        || ahead.datasets.iter().any(|(dataset, tally)| {
            let before = behind.datasets.get(dataset).map(|before| before.passed_up_to);
            before != Some(tally.passed_up_to)
        });
    Ok(Slice {
        log: has_moved.then_some((behind, ahead)),
        payments: Some(payments).filter(|payments| payments.count > 0),
        is_last,
    })
}

/// Moves the sums forward, unless they were moved already or a row went before it was counted:
/// then this slice is void, and the next one looks again.
fn move_on(connection: &Connection, slice: &Slice) -> Result<(), StoreError> {
    if let Some(Payments { count, from, up_to, late }) = slice.payments {
        let update = "UPDATE tallies SET count = count + ?1, up_to = ?2
                      WHERE what = 'payments' AND dataset = 0 AND up_to = ?3 AND late = ?4";
        connection.prepare_cached(update)?.execute([count, up_to, from, late])?;
    }
    let Some((behind, ahead)) = &slice.log else { return Ok(()) };
    let select = "SELECT 1 FROM tallies
                  WHERE what = 'log' AND dataset = 0 AND up_to = ?1 AND late = ?2";
    let stands = connection
        .prepare_cached(select)?
        .query_row([behind.up_to, behind.late], |_| Ok(()))
        .optional()?;
    if stands.is_none() {
        return Ok(());
    }
    // Differences, not sums: what was counted and has gone since is subtracted already.
    let add = "INSERT INTO tallies (what, dataset, count, up_to) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET count = count + excluded.count, up_to = excluded.up_to";
    let mut add = connection.prepare_cached(add)?;
    add.execute(params!["log", 0, ahead.count - behind.count, ahead.up_to])?;
    for (dataset, tally) in &ahead.datasets {
        let before = behind.datasets.get(dataset).copied().unwrap_or_default();
        let appended = tally.appended - before.appended;
        if appended != 0 {
            add.execute(params!["appended", dataset, appended, 0])?;
        }
        if tally.passed_up_to != before.passed_up_to {
            let passed = tally.passed - before.passed;
            add.execute(params!["passed", dataset, passed, tally.passed_up_to])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
