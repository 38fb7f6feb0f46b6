//! Whether the file is what was written into it.
//!
//! In: an open database. Out: what is wrong with it, in `SQLite`'s words and ours. A small database is
//! looked at whole at every start; a large one only after damage was met, because its look takes as
//! long as reading it. Whatever the pages say, the bytes of an event are compared with their
//! checksum before they are sent ([`checked`]): `SQLite` itself would not notice a changed letter.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::health::mark;
use super::{StoreError, keys};

/// Up to here every start looks at every page. Ours: a quarter of a second on a slow disk.
const LOOKED_AT_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Most complaints that are collected: one is enough to act, some show the extent.
const COMPLAINTS_MAX: u32 = 20;

/// What is wrong with a file whose pages `SQLite` can read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Damage {
    /// `SQLite`'s own look found something.
    #[error("{0}")]
    Structure(String),
    /// The bytes of an event are not those that were stored.
    #[error("the event of delivery {0} is not what was stored")]
    Body(i64),
    /// The key of a payment is not that of its id and its user.
    #[error("payment {0} cannot be found by its id or its user")]
    Key(i64),
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Arc::new(damage))
    }
}

/// The checksum of a delivery: its number, where it goes, and the event's bytes. A changed number or
/// dataset would send the right bytes to the wrong place.
pub(super) fn checksum((seq, dataset): (i64, i64), body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&seq.to_le_bytes());
    sum.update(&dataset.to_le_bytes());
    sum.update(body);
    sum.finalize()
}

/// The text of a stored event.
pub(super) fn text(seq: i64, bytes: &[u8]) -> Result<Arc<str>, StoreError> {
    std::str::from_utf8(bytes).map(Arc::from).map_err(|_| Damage::Body(seq).into())
}

/// Compares a stored delivery with its checksum; those of former versions have none.
pub(super) fn checked(
    (seq, dataset): (i64, i64),
    body: &str,
    stored: Option<u32>,
) -> Result<(), StoreError> {
    match stored {
        Some(stored) if stored != checksum((seq, dataset), body.as_bytes()) => {
            Err(Damage::Body(seq).into())
        }
        Some(_) | None => Ok(()),
    }
}

/// The look of a start: whole if the file is small or damage was met, and none otherwise.
pub(super) fn look_at_start(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let mark = mark(path);
    let was_damaged = mark.exists();
    let is_small = fs::metadata(path).is_ok_and(|known| known.len() <= LOOKED_AT_MAX_BYTES);
    if !was_damaged && !is_small {
        return Ok(());
    }
    if let Some(first) = damages(connection)?.into_iter().next() {
        return Err(first.into());
    }
    if was_damaged {
        // What was met then is gone, or was the disk's: the file is whole.
        drop(fs::remove_file(mark));
    }
    Ok(())
}

/// Everything that a look at every page and at every waiting event finds.
pub(super) fn damages(connection: &Connection) -> Result<Vec<Damage>, StoreError> {
    let mut found = structure(connection)?;
    if found.is_empty() {
        found.extend(changed_bodies(connection)?);
        found.extend(keys::unkeyed(connection, COMPLAINTS_MAX)?.into_iter().map(Damage::Key));
    }
    Ok(found)
}

/// What `SQLite`'s own look at every page finds.
pub(super) fn structure(connection: &Connection) -> Result<Vec<Damage>, StoreError> {
    let mut found = Vec::new();
    let mut look = connection.prepare(&format!("PRAGMA quick_check({COMPLAINTS_MAX})"))?;
    let mut rows = look.query([])?;
    while let Some(row) = rows.next()? {
        let says: String = row.get(0)?;
        if says != "ok" {
            found.push(Damage::Structure(says));
        }
    }
    Ok(found)
}

/// Waiting events whose bytes are not those that were stored.
fn changed_bodies(connection: &Connection) -> Result<Vec<Damage>, StoreError> {
    let select = "SELECT d.seq, d.body, d.checksum, d.dataset FROM deliveries d
                  WHERE d.seq > (SELECT coalesce(min(cursor), 0) FROM datasets)
                     OR d.seq IN (SELECT delivery FROM retries)";
    let mut look = connection.prepare(select)?;
    let mut rows = look.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, stored): (i64, Option<u32>) = (row.get(0)?, row.get(2)?);
        let dataset: i64 = row.get(3)?;
        let same = row
            .get_ref(1)?
            .as_bytes()
            .is_ok_and(|body| stored.is_none_or(|stored| stored == checksum((seq, dataset), body)));
        if !same {
            found.push(Damage::Body(seq));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_bit_of_an_event_is_noticed() {
        let body = r#"{"value":10}"#;
        let stored = checksum((1, 2), body.as_bytes());
        assert!(checked((1, 2), body, Some(stored)).is_ok());
        assert!(checked((1, 2), body, None).is_ok(), "a former version stored none");
        for (key, body) in [((1, 2), r#"{"value":11}"#), ((1, 3), body), ((5, 2), body)] {
            let changed = checked(key, body, Some(stored));
            assert!(matches!(changed, Err(StoreError::Damaged(_))), "{key:?} {body}: {changed:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_any_more_are_damage() {
        let mut bytes = br#"{"value":10}"#.to_vec();
        assert!(text(1, &bytes).is_ok());
        bytes[3] ^= 0x80;
        assert!(matches!(text(1, &bytes), Err(StoreError::Damaged(_))));
    }
}
