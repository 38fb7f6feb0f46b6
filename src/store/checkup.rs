//! What a doctor wants to know of a database, which another process may be using.
//!
//! In: its path. Out: numbers and complaints; what they mean, the doctor says. Only reads.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::health::mark;
use super::{
    Books, StoreError, beside, books_of, circuits, integrity, lock, room, schema, tallies,
};
use crate::core::delivery::Circuit;
use crate::core::time::Timestamp;

/// Up to here every look is a look at every page.
const LOOKED_AT_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The state of a database.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// The version of its schema, and the one that this program writes.
    pub schema: (u32, u32),
    /// Whether a service has it open.
    pub is_in_use: bool,
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// How much of that is free for new rows.
    pub unused_bytes: u64,
    /// The length of the write-ahead log.
    pub log_bytes: u64,
    /// The sums.
    pub books: Option<Books>,
    /// The datasets to which nothing is sent at the moment, and why.
    pub stopped: Vec<(String, Circuit)>,
    /// When the oldest payment arrived whose event waits for its turn.
    pub oldest_pending: Option<Timestamp>,
    /// How the sums differ from the rows, if they do and every row was looked at.
    pub miscounted: Option<String>,
    /// What is wrong with it.
    pub damages: Vec<String>,
    /// Whether every page was looked at.
    pub is_whole_look: bool,
    /// Whether a service met damage and nobody has looked since.
    pub was_damaged: bool,
    /// What is free on its disk.
    pub disk_free: Option<u64>,
    /// How much it grew in the last day, roughly.
    pub bytes_a_day: u64,
}

/// Looks at a database. A large one is only looked at page by page if that is asked for.
///
/// # Errors
/// [`StoreError`] if it cannot be opened.
pub fn check_up(path: &Path, thorough: bool, now: Timestamp) -> Result<Checkup, StoreError> {
    let connection = schema::connect_reader(path)?;
    let number = |pragma: &str| -> Result<u64, StoreError> {
        Ok(connection.pragma_query_value(None, pragma, |row| row.get(0))?)
    };
    let schema = (schema::version(&connection)?, schema::known());
    let page = number("page_size")?;
    let bytes = number("page_count")? * page;
    let is_whole_look = thorough || bytes <= LOOKED_AT_MAX_BYTES;
    let damages = match is_whole_look {
        true if schema.0 == schema.1 => integrity::damages(&connection)?,
        true => integrity::structure(&connection)?,
        false => Vec::new(),
    };
    let length = |file: &Path| fs::metadata(file).map_or(0, |known| known.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let books = if damages.is_empty() { books_of(path).ok() } else { None };
    let is_counted = is_whole_look && damages.is_empty() && schema.0 == schema.1;
    Ok(Checkup {
        schema,
        is_in_use: lock::is_held(&beside(path, "lock")),
        bytes,
        unused_bytes: number("freelist_count")? * page,
        log_bytes: length(Path::new(&log)),
        oldest_pending: oldest_pending(&connection).unwrap_or_default(),
        miscounted: if is_counted { tallies::difference(&connection)? } else { None },
        damages: damages.iter().map(ToString::to_string).collect(),
        is_whole_look,
        was_damaged: mark(path).exists(),
        disk_free: path.parent().and_then(room::free_bytes),
        bytes_a_day: growth(&connection, bytes, now).unwrap_or_default(),
        books,
        stopped: circuits::stopped(&connection).unwrap_or_default(),
    })
}

fn oldest_pending(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let select = "SELECT p.received_at FROM datasets s JOIN deliveries d ON d.seq = (
                      SELECT min(seq) FROM deliveries WHERE seq > s.cursor AND dataset = s.id)
                  JOIN payments p ON p.seq = d.payment ORDER BY 1 LIMIT 1";
    let oldest = connection.query_row(select, [], |row| row.get(0)).optional()?;
    Ok(oldest.map(Timestamp::from_millis))
}

/// The share of the file that the payments of the last day have.
fn growth(connection: &Connection, bytes: u64, now: Timestamp) -> Result<u64, StoreError> {
    let select = "SELECT (SELECT count(*) FROM payments WHERE received_at > ?1),
                         (SELECT count(*) FROM payments)";
    let yesterday = now.plus_millis(-24 * 3_600_000);
    let (recent, all): (u64, u64) =
        connection
            .query_row(select, params![yesterday.millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(bytes.checked_div(all).unwrap_or(0) * recent)
}
