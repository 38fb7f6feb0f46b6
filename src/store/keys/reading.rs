//! Reading the keys of all payments, at a start.
//!
//! The table grows with all others, so its pages are strewn over the whole file, and most of a large
//! one is not in memory: a start waits for the disk, page by page. That is why several threads read,
//! each the next stretch of numbers of its own, while the caller keeps the keys of those before.
//!
//! In: a database to which nobody writes, and the ends of the table. Out: hashes and numbers, in the
//! order of the numbers.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, ScopedJoinHandle};

use rusqlite::Connection;

use crate::store::integrity::Damage;
use crate::store::{StoreError, schema};

/// Threads that read. They wait for the disk more than they work: of a file that is not in memory, ten
/// million keys took 3.7 s with two, 1.8 s with four and 1.4 s with these.
const READERS: usize = 8;

/// Payments of one stretch. Their keys are kept together and not each behind its row: each belongs to
/// another place in memory, which is waited for; together the waits overlap, and hold up no reading.
pub(super) const STRETCH: usize = 8_192;

/// Most stretches: eight thousand million payments. Numbers further apart are those of a damaged file.
const STRETCHES_MAX: u64 = 1 << 20;

/// A hash, and the number of its payment.
type Key = (i64, i64);

/// What a thread found in one stretch.
type Found = Result<Vec<Key>, StoreError>;

/// The numbers between the ends of the table, dealt out.
#[derive(Debug, Clone, Copy)]
struct Stretches {
    first: i64,
    last: i64,
}

impl Stretches {
    /// Nothing if there are so many that looking for each would take longer than reading the rows.
    fn between((first, last): (i64, i64)) -> Option<Self> {
        let count = last.abs_diff(first) / STRETCH as u64;
        (count < STRETCHES_MAX).then_some(Self { first, last })
    }

    fn iter(self) -> impl Iterator<Item = RangeInclusive<i64>> {
        (self.first..=self.last).step_by(STRETCH).map(move |first| {
            first..=first.saturating_add_unsigned(STRETCH as u64 - 1).min(self.last)
        })
    }
}

/// Gives the keys of a database to the caller, one by one.
pub(super) fn read(
    connection: &Connection,
    ends: (i64, i64),
    keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    let path = connection.path().filter(|path| !path.is_empty()).map(Path::new);
    // A few stretches are read sooner than threads and connections are there.
    let many = Stretches::between(ends).filter(|stretches| stretches.iter().nth(READERS).is_some());
    match path.zip(many) {
        Some((path, stretches)) => read_together(path, stretches, keep),
        None => read_alone(connection, ends, keep),
    }
}

/// Reads row after row.
fn read_alone(
    connection: &Connection,
    (first, last): (i64, i64),
    mut keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    let mut keys = Vec::new();
    each(connection, &(first..=last), last, |key| {
        keys.push(key);
        if keys.len() == STRETCH {
            keys.drain(..).for_each(&mut keep);
        }
    })?;
    keys.into_iter().for_each(keep);
    Ok(())
}

/// Reads by several threads, each of which has a connection of its own.
fn read_together(
    path: &Path,
    stretches: Stretches,
    keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    std::thread::scope(|scope| {
        let (mut readers, mut receivers) = (Vec::new(), Vec::new());
        for number in 0..READERS {
            let (sender, receiver) = sync_channel(1);
            receivers.push(receiver);
            let own = stretches.iter().skip(number).step_by(READERS);
            let work = move || read_own(path, own, stretches.last, &sender);
            let reader = Builder::new().name("store-keys".into()).spawn_scoped(scope, work);
            readers.push(reader.map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source: Arc::new(source),
            })?);
        }
        let kept = keep_in_turns(stretches, &receivers, keep);
        // Whoever has more, after an error of another, has nobody to give it to and ends.
        drop(receivers);
        let ended: Vec<_> = readers.into_iter().map(ScopedJoinHandle::join).collect();
        kept.and(ended.into_iter().collect::<Result<_, _>>().map_err(|_| StoreError::Panicked))
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
    last: i64,
    sender: &SyncSender<Found>,
) {
    match connect(path) {
        Ok(connection) => {
            for stretch in own {
                if sender.send(keys(&connection, &stretch, last)).is_err() {
                    break;
                }
            }
        }
        // If nobody is there to be told, it is because of another's error.
        Err(error) => drop(sender.send(Err(error))),
    }
}

/// Takes from each thread in turns, which gives the stretches in their order.
fn keep_in_turns(
    stretches: Stretches,
    receivers: &[Receiver<Found>],
    mut keep: impl FnMut(Key),
) -> Result<(), StoreError> {
    for (_, receiver) in stretches.iter().zip(receivers.iter().cycle()) {
        let keys = receiver.recv().map_err(|_| StoreError::Panicked)?;
        keys?.into_iter().for_each(&mut keep);
    }
    Ok(())
}

/// The keys of one stretch.
fn keys(connection: &Connection, stretch: &RangeInclusive<i64>, last: i64) -> Found {
    let mut keys = Vec::new();
    each(connection, stretch, last, |key| keys.push(key))?;
    Ok(keys)
}

/// Each key of a stretch, in a table that ends with this number.
fn each(
    connection: &Connection,
    stretch: &RangeInclusive<i64>,
    last: i64,
    mut take: impl FnMut(Key),
) -> Result<(), StoreError> {
    // The end and the missing ids are looked for here: as conditions `SQLite` would ask them of each
    // row, which took a tenth of the time.
    let select = "SELECT seq, id_hash FROM payment_keys WHERE seq >= ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([stretch.start()])?;
    let mut before = None;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        // A changed number must not end the stretch as if that were its end: what stands behind it
        // would not be known, and could be recorded once more.
        if Some(number) <= before || number > last {
            let says = format!("payment_keys has {number} behind {before:?} and ends with {last}");
            return Err(Damage::Structure(says).into());
        }
        before = Some(number);
        if number > *stretch.end() {
            break;
        }
        if let Some(hash) = row.get(1)? {
            take((hash, number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_one_stretch() {
        let length = i64::try_from(STRETCH).expect("a small number");
        for (ends, count) in [
            ((0, 0), 1),
            ((1, 0), 0),
            ((1, length), 1),
            ((1, length + 1), 2),
            ((-5, 3 * length), 4),
            ((i64::MAX - 1, i64::MAX), 1),
            ((i64::MIN, i64::MIN + length), 2),
        ] {
            let stretches = Stretches::between(ends).expect("not many");
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
        let far = Stretches::between((i64::MIN, i64::MAX));
        assert!(far.is_none(), "such numbers are read row after row: {far:?}");
    }

    #[test]
    fn a_file_that_is_gone_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let ends = (1, i64::try_from(STRETCH).expect("a small number") * 20);
        let stretches = Stretches::between(ends).expect("not many");
        let missing = read_together(&folder.path().join("no.db"), stretches, drop);
        assert!(matches!(missing, Err(StoreError::Open { .. })), "{missing:?}");
    }
}
