//! Reading the keys of all payments, at a start.
//!
//! The table grows with all others, so its pages are strewn over the whole file, and most of a large
//! one is not in memory: a start waits for the disk, page by page. That is why several threads read,
//! each the next stretch of numbers of its own, while the caller keeps the keys of those before.
//!
//! In: a database, and the ends of the table. Out: hashes and numbers, in the order of the numbers.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::ScopedJoinHandle;

use rusqlite::Connection;

use crate::store::{StoreError, schema};

/// Threads that read. They wait for the disk more than they work: of a file that is not in memory, ten
/// million keys took 3.7 s with two, 1.8 s with four and 1.4 s with these.
const READERS: usize = 8;

/// Payments of one stretch. Their keys are kept together and not each behind its row: each belongs to
/// another place in memory, which is waited for; together the waits overlap, and hold up no reading.
pub(super) const STRETCH: u64 = 8_192;

/// Most stretches. Numbers far apart, as in a damaged file, make longer ones and not more.
const STRETCHES_MAX: u64 = 1 << 20;

/// A hash, and the number of its payment.
type Key = (i64, i64);

/// The numbers between the ends of the table, dealt out.
#[derive(Debug, Clone, Copy)]
struct Stretches {
    first: i64,
    last: i64,
    length: u64,
}

impl Stretches {
    fn between((first, last): (i64, i64)) -> Self {
        let length = (last.abs_diff(first) / STRETCHES_MAX).max(STRETCH);
        Self { first, last, length }
    }

    fn iter(self) -> impl Iterator<Item = RangeInclusive<i64>> {
        let mut next = (self.first <= self.last).then_some(self.first);
        std::iter::from_fn(move || {
            let first = next?;
            let last = first.saturating_add_unsigned(self.length - 1).min(self.last);
            next = last.checked_add(1).filter(|next| *next <= self.last);
            Some(first..=last)
        })
    }
}

/// Gives the keys of a database to the caller, one by one.
pub(super) fn read(
    connection: &Connection,
    ends: (i64, i64),
    mut keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    let stretches = Stretches::between(ends);
    let path = connection.path().filter(|path| !path.is_empty()).map(Path::new);
    // A few stretches are read sooner than threads and connections are there.
    match path.filter(|_| stretches.iter().nth(READERS).is_some()) {
        Some(path) => read_together(path, stretches, keep),
        None => stretches.iter().try_for_each(|stretch| {
            keys(connection, &stretch)?.into_iter().for_each(&mut keep);
            Ok(())
        }),
    }
}

/// Reads by several threads, each of which has a connection of its own.
fn read_together(
    path: &Path,
    stretches: Stretches,
    keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    std::thread::scope(|scope| {
        let (mut readers, mut piles) = (Vec::new(), Vec::new());
        for number in 0..READERS {
            let (pile, read) = sync_channel(1);
            piles.push(read);
            readers.push(scope.spawn(move || {
                let own = stretches.iter().skip(number).step_by(READERS);
                read_own(path, own, &pile);
            }));
        }
        let kept = keep_in_turns(stretches, &piles, keep);
        // Whoever has more, after an error of another, has nobody to give it to and ends.
        drop(piles);
        let ended: Vec<_> = readers.into_iter().map(ScopedJoinHandle::join).collect();
        if ended.iter().all(Result::is_ok) { kept } else { Err(StoreError::Panicked) }
    })
}

/// A connection that keeps few pages: each is read once, and all threads would keep 64 MB of them.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = schema::connect_reader(path)?;
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

/// Reads the stretches of one thread, as far as somebody wants them.
fn read_own(
    path: &Path,
    own: impl Iterator<Item = RangeInclusive<i64>>,
    pile: &SyncSender<Result<Vec<Key>, StoreError>>,
) {
    match connect(path) {
        Ok(connection) => {
            for stretch in own {
                if pile.send(keys(&connection, &stretch)).is_err() {
                    break;
                }
            }
        }
        // Nobody there to be told has been told of another.
        Err(error) => drop(pile.send(Err(error))),
    }
}

/// Takes from each thread in turns, which gives the stretches in their order.
fn keep_in_turns(
    stretches: Stretches,
    piles: &[Receiver<Result<Vec<Key>, StoreError>>],
    mut keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    for (_, pile) in stretches.iter().zip(piles.iter().cycle()) {
        let keys = pile.recv().map_err(|_| StoreError::Panicked)?;
        keys?.into_iter().for_each(&mut keep);
    }
    Ok(())
}

/// The keys of one stretch.
fn keys(connection: &Connection, stretch: &RangeInclusive<i64>) -> Result<Vec<Key>, StoreError> {
    // The end and the missing ids are looked for here: as conditions `SQLite` would ask them of each
    // row, for a tenth of the time.
    let select = "SELECT seq, id_hash FROM payment_keys WHERE seq >= ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([stretch.start()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        if number > *stretch.end() {
            break;
        }
        if let Some(hash) = row.get(1)? {
            keys.push((hash, number));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_one_stretch_however_far_apart_the_ends_are() {
        let length = i64::try_from(STRETCH).expect("a small number");
        for (ends, count) in [
            ((0, 0), 1),
            ((1, 0), 0),
            ((1, length), 1),
            ((1, length + 1), 2),
            ((-5, 3 * length), 4),
            ((i64::MAX - 1, i64::MAX), 1),
            ((i64::MIN, i64::MAX), 0x10_0001),
        ] {
            let stretches = Stretches::between(ends);
            let mut next = Some(ends.0);
            let mut counted = 0;
            for stretch in stretches.iter() {
                assert_eq!(Some(*stretch.start()), next, "{ends:?}");
                assert!(stretch.end() >= stretch.start());
                next = stretch.end().checked_add(1);
                counted += 1;
            }
            assert_eq!((counted, next), (count, ends.1.checked_add(1)), "{ends:?}");
        }
    }

    #[test]
    fn a_file_that_is_gone_and_one_that_is_damaged_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let ends = (1, i64::try_from(STRETCH).expect("a small number") * 9);
        let missing = read_together(&folder.path().join("no.db"), Stretches::between(ends), drop);
        assert!(matches!(missing, Err(StoreError::Open { .. })), "{missing:?}");
        let path = folder.path().join("books.db");
        let mut connection = schema::connect(&path).expect("a database");
        schema::migrate(&mut connection).expect("the schema");
        connection.execute_batch("ALTER TABLE payment_keys RENAME TO other").expect("renamed");
        let without = read(&connection, ends, drop);
        assert!(matches!(without, Err(StoreError::Database(_))), "{without:?}");
    }
}
