//! Connections and the schema: how the database is opened, and how an old one becomes a new one.
//!
//! Migrations are numbered files, applied in one transaction each, forward only; the number of
//! the last one stands in `PRAGMA user_version`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Every migration, oldest first. The schema's version is their number.
const MIGRATIONS: [&str; 13] = [
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
    include_str!("migrations/0011_keys.sql"),
    include_str!("migrations/0012_tallies.sql"),
    include_str!("migrations/0013_arrivals.sql"),
];

/// The length of the pages of a new database, in bytes. `SQLite`'s own 4,096 hold two events and leave
/// a quarter of each page empty; of 8,192 a tenth stays empty, and half as many calls write and fold
/// them. 16,384 would be better still for batches, but a group of a few payments writes the last page
/// of every table whole.
pub(super) const PAGE_BYTES: usize = 8_192;

/// The writer's connection. It does not sync its commits: the writer's syncer does, before anybody
/// is answered. Pages of the cache: 32 MiB, of which an idle service uses next to nothing.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = |error: rusqlite::Error| not_opened(path, error);
    let connection = Connection::open(path).map_err(open)?;
    // An existing database keeps its own.
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(open)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(open)?;
    if mode != "wal" {
        let source = std::io::Error::other("the file system does not support a write-ahead log");
        return Err(StoreError::Open { path: path.to_owned(), source: Arc::new(source) });
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -32768;
             PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;",
        )
        .map_err(open)?;
    keep_plans(&connection).map_err(open)?;
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
    keep_plans(&connection).map_err(open)?;
    Ok(connection)
}

/// A statement is planned once. Without this `SQLite` plans some anew for every value, which took a
/// tenth of the engine's time.
fn keep_plans(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Why a file cannot be opened; damage, a full and a failing disk keep their names.
fn not_opened(path: &Path, error: rusqlite::Error) -> StoreError {
    let error = StoreError::from(error);
    if let StoreError::Database(source) = error {
        return StoreError::Open { path: path.to_owned(), source };
    }
    error
}

/// The version of a database that an older program wrote, and the one that opening it makes of it.
/// Nothing if there is nothing to bring up to date, or if it cannot be read: opening tells why.
#[must_use]
pub fn outdated(path: &Path) -> Option<(u32, u32)> {
    let found = if path.exists() { version(&connect_reader(path).ok()?).ok()? } else { 0 };
    (0 < found && found < known()).then(|| (found, known()))
}

/// Applies the migrations that the database has not seen.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX))
}

/// The same up to a migration: tests begin with an older database.
pub(super) fn migrate_to(connection: &mut Connection, last: u32) -> Result<(), StoreError> {
    let found = version(connection)?;
    let known = known();
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    // An index of ten million payments is sorted beside the database: in memory it would take more than
    // the service ever does.
    connection.pragma_update(None, "temp_store", "FILE")?;
    let migrated = apply(connection, (found, last));
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    migrated
}

fn apply(connection: &mut Connection, (found, last): (u32, u32)) -> Result<(), StoreError> {
    for (number, migration) in (1_u32..=last).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The newest version of the schema.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
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

    /// Rows as the program of the first schema wrote them.
    const ROWS: &str = r#"
        INSERT INTO projects (id, name) VALUES (1, 'shop');
        INSERT INTO datasets (id, name, cursor) VALUES (1, 'storefront', 1);
        INSERT INTO users (project, user_id, known_at, person) VALUES (1, '666', 5, '{}');
        INSERT INTO payments (seq, project, type, payment_id, user_id, received_at, capture, decision,
                              first_delivery, deliveries) VALUES
            (1, 1, 'DEFAULT', 'A', '666', 1000, '{"amount":1}', '{"verdict":"forward"}', 1, 1),
            (2, 1, 'DEFAULT', 'B', '666', 2000, '{"amount":2}', '{"verdict":"forward"}', 2, 1);
        INSERT INTO removed_payments (seq, project, type, payment_id, received_at, removed_at, decision,
                                      first_delivery, deliveries) VALUES (3, 1, 'DEFAULT', 'C', 3000, 3500, '{}', 3, 0);
        INSERT INTO held_payments (id, project, type, payment_id, user_id, received_at, expires_at,
                                   capture, decision) VALUES
            (1, 1, 'DEFAULT', 'D', '666', 4000, 99999, '{"amount":4}', '{"verdict":"hold"}');
        INSERT INTO deliveries (seq, dataset, payment, expires_at, body)
            VALUES (1, 1, 1, 9000, '{"n":1}'), (2, 1, 2, 9000, '{"n":2}');
        INSERT INTO attempts (dataset, at, millis, first, last, events, outcome, says)
            VALUES (1, 1500, 20, 1, 1, 1, 'accepted', '');
    "#;

    #[tokio::test]
    async fn a_database_of_every_schema_is_read_by_todays_readers() {
        for age in 1..=MIGRATIONS.len() {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("books.db");
            let old = Connection::open(&path).expect("a database");
            for migration in &MIGRATIONS[..age] {
                old.execute_batch(migration).expect("a migration");
            }
            old.execute_batch(ROWS).expect("rows of that time");
            old.pragma_update(None, "user_version", age).expect("a version");
            drop(old);

            let store = super::super::Store::open(&path).expect("an old database is taken");
            let books = store.books().await.expect("the sums");
            let sums = (books.recorded, books.removed, books.held, books.delivered, books.pending);
            assert_eq!(sums, (2, 1, 1, 1, 1), "schema {age}");
            let dataset = store.dataset("storefront").await.expect("its number");
            let limits = crate::core::batch::BatchLimits { events: 10, bytes: 1_000 };
            let run = store.log(dataset, 1, limits).await.expect("the log");
            let bodies: Vec<_> = run.deliveries.iter().map(|one| &*one.body).collect();
            assert_eq!(bodies, [r#"{"n":2}"#], "schema {age}");
            let now = crate::core::time::Timestamp::from_millis(5_000);
            let stories = store.stories("A".to_owned(), now).await.expect("its story");
            assert_eq!(stories[0].deliveries[0].attempts.len(), 1, "schema {age}");
            let held = store.releasable(now).await.expect("what waits");
            assert_eq!(held.len(), 1, "schema {age}");
            store.close().await;
        }
    }
}
