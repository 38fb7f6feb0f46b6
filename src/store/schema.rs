//! Connections and the schema: how the database is opened, and how an old one becomes a new one.
//!
//! Migrations are numbered files, applied in one transaction each, forward only; the number of
//! the last one stands in `PRAGMA user_version`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Every migration, oldest first. The schema's version is their number.
const MIGRATIONS: [&str; 10] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_replay.sql"),
    include_str!("migrations/0003_installs.sql"),
    include_str!("migrations/0004_listing.sql"),
    include_str!("migrations/0005_months.sql"),
    include_str!("migrations/0006_sources.sql"),
    include_str!("migrations/0007_dead.sql"),
    include_str!("migrations/0008_retention.sql"),
    include_str!("migrations/0009_circuits.sql"),
    include_str!("migrations/0010_checksums.sql"),
];

/// The writer's connection. `synchronous = FULL` is the promise: a commit is on stable storage
/// before it returns. Pages of the cache: 32 MiB, of which an idle service uses next to nothing.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = |error: rusqlite::Error| not_opened(path, error);
    let connection = Connection::open(path).map_err(open)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(open)?;
    if mode != "wal" {
        let source = std::io::Error::other("the file system does not support a write-ahead log");
        return Err(StoreError::Open { path: path.to_owned(), source: Arc::new(source) });
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
             PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;",
        )
        .map_err(open)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that can only read. It works beside the writer, in this process or in another.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = |error: rusqlite::Error| not_opened(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(open)?;
    connection.execute_batch("PRAGMA cache_size = -8192;").map_err(open)?;
    Ok(connection)
}

/// Why a file cannot be opened; damage, a full and a failing disk keep their names.
fn not_opened(path: &Path, error: rusqlite::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Database(source) => StoreError::Open { path: path.to_owned(), source },
        named => named,
    }
}

/// Applies the migrations that the database has not seen.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX))
}

/// The same up to a migration: tests begin with an older database.
pub(super) fn migrate_to(connection: &mut Connection, last: u32) -> Result<(), StoreError> {
    let found = version(connection)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (number, migration) in (1_u32..=last).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The version of the schema in the file; 0 for a new one.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_migrated_once_and_a_newer_one_is_refused() {
        let mut connection = Connection::open_in_memory().expect("a database in memory");
        migrate(&mut connection).expect("the first run");
        migrate(&mut connection).expect("nothing to do");
        let newest = u32::try_from(MIGRATIONS.len()).expect("a small number");
        assert_eq!(version(&connection).ok(), Some(newest));
        connection.pragma_update(None, "user_version", newest + 1).expect("a newer version");
        let refused = migrate(&mut connection);
        assert!(
            matches!(refused, Err(StoreError::NewerSchema { found, known }) if found == known + 1),
            "{refused:?}"
        );
    }
}
