//! The books: payments, what was decided about them, and what became of their deliveries.
//!
//! In: values of the core. Out: the same, and the promise that what was answered `Ok` is on stable
//! storage. One thread writes, with group commit: it takes whatever waits, does it in one
//! transaction, syncs once, and answers everybody. Readers are separate connections and see
//! committed state only. Deliberately absent: any decision; the rooms decide, the store keeps.
//!
//! A closed set of backends stands behind this handle; so far there is one, `SQLite`.

mod backup;
mod by_event;
mod checkup;
mod circuits;
mod deliveries;
mod ending;
mod erasure;
mod health;
mod integrity;
mod keys;
mod known_users;
mod letters;
mod listing;
mod lock;
mod months;
mod payments;
mod recent;
mod removal;
mod replay;
mod retention;
mod room;
mod salvage;
mod schema;
mod settle;
mod signups;
#[cfg(test)]
mod simulation;
mod sources;
mod story;
mod sums;
mod tallies;
mod under_way;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{Notify, Semaphore, watch};

pub use backup::{BackupError, backup};
pub use by_event::stories_of_event;
pub use checkup::{Checkup, check_up};
pub use circuits::{CircuitChange, DatasetState};
pub use deliveries::{Lease, LogRun, Settlement};
pub use ending::{EndedLetter, Ending, LetterEnd};
pub use erasure::Erased;
pub use health::Condition;
pub use letters::{Letter, LetterCursor, LetterPage, Letters, letter_of, letters_of};
pub use listing::{Cursor, LOOKED_AT_MAX, Listed, ListedEvent, Listing, Page};
pub use payments::{Entered, Entry, HeldPayment, NewPayment, StoredPayment};
pub use removal::{Doomed, Removed};
pub use replay::{DecidedAnew, Unsent, UnsentPayment};
pub use retention::{Kept, Pruned, Stage};
pub use salvage::{Salvaged, SalvagedTable, salvage};
pub use schema::outdated;
pub use signups::{EnteredSignup, NewSignup};
pub use sources::Source;
pub use story::{
    AttemptStory, DeliveryStory, Fate, FormerDecision, PaymentState, PaymentStory, stories_of,
};
pub use sums::{Books, PrunedSums, books_of};

pub use crate::core::delivery::{ACCEPTED, Attempt, Dead, Delivery};
use crate::core::user::User;
use health::Health;
use known_users::KnownUsers;
use room::Room;
use writer::{DatabaseFile, Kind, Writer};

/// Most readers at once. Two cores are busy with two; the rest waits for the disk.
const READERS_MAX: usize = 4;

/// The number of a project in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProjectKey(i64);

/// The number of a dataset in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatasetKey(i64);

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("cannot open the database {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has the database open.
    #[error(
        "another tillpost is using the database {path}; stop it, or give this one its own [store] url \
         (or start it in another folder)"
    )]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The database was written by a newer program.
    #[error(
        "the database has schema {found}, this program knows up to {known}; use a newer tillpost"
    )]
    NewerSchema {
        /// The version in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The disk failed: what was being written is not promised, and nothing is written any more.
    #[error("the disk of the database failed")]
    Broken(#[source] Arc<rusqlite::Error>),
    /// The file is not what was written into it.
    #[error("the database is damaged; see what `tillpost doctor` says of it")]
    Damaged(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Somebody else took the lease; nothing was settled.
    #[error("the lease on the dataset was lost")]
    LeaseLost,
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] Arc<rusqlite::Error>),
    /// The writer has stopped.
    #[error("the store is closed")]
    Closed,
    /// A piece of our own work panicked; it was undone.
    #[error("a piece of work panicked and was undone")]
    Panicked,
}

impl StoreError {
    /// Whether nothing may be written after this, until the next start has looked.
    fn is_final(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Damaged(_) => true,
            Self::Open { .. }
            | Self::InUse { .. }
            | Self::NewerSchema { .. }
            | Self::Full
            | Self::LeaseLost
            | Self::Database(_)
            | Self::Closed
            | Self::Panicked => false,
        }
    }
}

impl StoreError {
    /// The same, said of a start. Our statements fit our schema, and what we read has the type of its
    /// column; if not, a byte of the file has changed. While the service runs that is an error of
    /// whoever asked, and not the end of the service: a slip of ours would look the same.
    fn at_start(self) -> Self {
        if let Self::Database(error) = &self
            && matches!(
                **error,
                rusqlite::Error::SqlInputError { .. } | rusqlite::Error::InvalidColumnType(..)
            )
        {
            return Self::Damaged(Arc::clone(error) as _);
        }
        self
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let is_unlike_its_column = matches!(
            error,
            rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::Utf8Error(..)
        );
        match error.sqlite_error_code() {
            // We never write such a value.
            _ if is_unlike_its_column => Self::Damaged(Arc::new(error)),
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => Self::Broken(Arc::new(error)),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(Arc::new(error))
            }
            _ => Self::Database(Arc::new(error)),
        }
    }
}

/// A handle on the books. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: Writer,
    health: Arc<Health>,
    readers: Mutex<Vec<Connection>>,
    /// Bounds the readers, and with them connections, caches and threads.
    reading: Arc<Semaphore>,
    /// Holds back what reads much.
    reading_much: Arc<Semaphore>,
    /// Holds back what looks for an id or a user, apart from what counts: a removal must not wait
    /// for a page of metrics.
    reading_keys: Arc<Semaphore>,
    known_users: KnownUsers,
    /// Rung after every commit that appended deliveries.
    bells: Arc<Bells>,
    /// Held as long as the store is open.
    lock: Mutex<Option<lock::Lock>>,
    /// Closed behind all connections, which stand above.
    _file: Arc<DatabaseFile>,
}

/// One bell a dataset: whoever forwards to it waits for it to ring.
#[derive(Debug, Default)]
struct Bells(Mutex<HashMap<DatasetKey, Arc<Notify>>>);

impl Bells {
    fn of(&self, dataset: DatasetKey) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(dataset).or_default())
    }
}

impl Store {
    /// Opens the database of this path, makes it or brings its schema up to date, and takes the
    /// only place of a writer.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it, [`StoreError::NewerSchema`],
    /// [`StoreError::Damaged`], or [`StoreError::Open`] with the reason.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::opened(path).map_err(StoreError::at_start)
    }

    fn opened(path: &Path) -> Result<Self, StoreError> {
        let lock = lock::Lock::take(path)?;
        let file = Arc::new(DatabaseFile::open(path)?);
        let mut connection = schema::connect(path)?;
        schema::migrate(&mut connection)?;
        keys::fill(&connection)?;
        integrity::look_at_start(path, &connection)?;
        // The lock proves that whoever held a lease is gone: nobody has to wait for its end.
        connection.execute("UPDATE datasets SET lease_until = 0", [])?;
        let bells = Arc::new(Bells::default());
        let health = Arc::new(Health::of(path));
        let disk = (Arc::clone(&health), Room::beside(path));
        let writer = Writer::start((connection, Arc::clone(&file)), disk, Arc::clone(&bells))?;
        let readers = Mutex::new(Vec::new());
        let path = path.to_owned();
        let known_users = KnownUsers::default();
        let lock = Mutex::new(Some(lock));
        let reading = Arc::new(Semaphore::new(READERS_MAX));
        let reading_much = Arc::new(Semaphore::new(1));
        let reading_keys = Arc::new(Semaphore::new(1));
        let shared = Shared {
            path,
            writer,
            health,
            readers,
            reading,
            reading_much,
            reading_keys,
            known_users,
            bells,
            lock,
            _file: file,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The number of a project, given at its first mention.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn project(&self, name: &str) -> Result<ProjectKey, StoreError> {
        let name = name.to_owned();
        self.write(move |books| named(books.connection, "projects", &name).map(ProjectKey)).await
    }

    /// The number of a dataset, given at its first mention.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn dataset(&self, name: &str) -> Result<DatasetKey, StoreError> {
        let name = name.to_owned();
        self.write(move |books| named(books.connection, "datasets", &name).map(DatasetKey)).await
    }

    /// What is known of these users, in their order; nothing of one whom nobody signed up.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn users(
        &self,
        project: ProjectKey,
        user_ids: Vec<String>,
    ) -> Result<Vec<Option<Arc<User>>>, StoreError> {
        let keys: Vec<_> = user_ids.into_iter().map(|user_id| (project, user_id)).collect();
        let known = &self.shared.known_users;
        let kept: Option<Vec<_>> = keys.iter().map(|key| known.get(key).map(Some)).collect();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let began = known.generation();
        let look = move |connection: &Connection| {
            let found = payments::users(connection, &keys)?;
            Ok((keys, found))
        };
        let (keys, found) = self.read(look).await?;
        let found: Vec<_> = found.into_iter().map(|user| user.map(Arc::new)).collect();
        for (key, user) in keys.into_iter().zip(&found) {
            if let Some(user) = user {
                known.keep(began, key, Arc::clone(user));
            }
        }
        Ok(found)
    }

    /// Asks the writer whether it would take a payment.
    ///
    /// # Errors
    /// [`StoreError`] if it would not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.append(|_| Ok(())).await
    }

    /// How the store is, and every change of that.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.shared.health.watch()
    }

    /// Waits until deliveries to a dataset were appended. A ring between two calls is not lost.
    pub async fn appended(&self, dataset: DatasetKey) {
        self.shared.bells.of(dataset).notified().await;
    }

    /// Lets the writer finish what waits, folds the write-ahead log into the database, and frees
    /// the place of its writer.
    pub async fn close(&self) {
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.writer.stop().await;
        drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Takes something new in the next transaction, and answers when that is on stable storage.
    /// Turned away while the disk is full.
    async fn append<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut writer::Books<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.writer.submit(Kind::Appends, work).await
    }

    /// Finishes, removes or changes what was taken; room on the disk is kept for that.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut writer::Books<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.writer.submit(Kind::Finishes, work).await
    }

    /// Reads committed state on a thread where waiting for the disk holds nobody up.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let reading = Arc::clone(&self.shared.reading);
        let place = reading.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let read = move || {
            // Whoever asked may have gone: the place is taken until the work is done.
            let _place = place;
            let idle = shared.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::connect_reader(&shared.path)?,
            };
            let result = work(&connection);
            if let Err(error) = &result {
                shared.health.note(error);
            }
            shared.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|ended| {
            Err(if ended.is_panic() { StoreError::Panicked } else { StoreError::Closed })
        })
    }

    /// The same for questions that take the longer, the more there is: one at a time, so that they
    /// leave the other readers to payments.
    async fn read_much<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_alone(&self.shared.reading_much, work).await
    }

    /// The same for whoever looks for an id or a user among all keys.
    async fn read_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_alone(&self.shared.reading_keys, work).await
    }

    async fn read_alone<T: Send + 'static>(
        &self,
        alone: &Arc<Semaphore>,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(alone).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        self.read(move |connection| {
            let _place = place;
            work(connection)
        })
        .await
    }
}

/// A file beside the database: its whole name, and an ending.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The number of a name in `projects` or `datasets`.
fn named(connection: &Connection, table: &'static str, name: &str) -> Result<i64, StoreError> {
    let insert = format!("INSERT INTO {table} (name) VALUES (?1) ON CONFLICT DO NOTHING");
    connection.execute(&insert, [name])?;
    let select = format!("SELECT id FROM {table} WHERE name = ?1");
    Ok(connection.query_row(&select, [name], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_name_that_changed_in_the_file_is_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        Store::open(&path).expect("a store").close().await;
        let books = Connection::open(&path).expect("a database");
        books
            .execute_batch("ALTER TABLE retries RENAME COLUMN delivery TO deliwery")
            .expect("done");
        drop(books);
        let opened = Store::open(&path).map(drop);
        assert!(matches!(opened, Err(StoreError::Damaged(_))), "{opened:?}");
    }

    /// Flipped bytes in the head of a row make other types of its values. Once the wrong type alone was
    /// no damage, and a start ended without a word of the doctor.
    #[test]
    fn a_value_that_is_unlike_its_column_is_damage_at_a_start() {
        let connection = Connection::open_in_memory().expect("a database");
        for value in ["NULL", "'one'", "x'00'", "1.5"] {
            let select = format!("SELECT {value}");
            let read = connection.query_row(&select, [], |row| row.get::<_, i64>(0));
            let error = StoreError::from(read.expect_err("no whole number"));
            assert!(!error.is_final(), "one question ends no service: {error:?}");
            let error = error.at_start();
            assert!(matches!(error, StoreError::Damaged(_)), "{value}: {error:?}");
        }
    }

    #[tokio::test]
    async fn long_questions_leave_readers_for_payments() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("books.db")).expect("a store");
        // More long questions than there are readers; none ends before it may.
        let (began, mut beginnings) = tokio::sync::mpsc::unbounded_channel();
        let mut ends = Vec::new();
        let mut questions = Vec::new();
        for _ in 0..READERS_MAX * 2 {
            let (may_end, end) = mpsc::channel::<()>();
            let (began, store) = (began.clone(), store.clone());
            ends.push(may_end);
            questions.push(tokio::spawn(async move {
                let question = move |_: &Connection| {
                    let _ = began.send(());
                    let _ = end.recv();
                    Ok(())
                };
                store.read_much(question).await
            }));
        }
        beginnings.recv().await.expect("the first has begun");
        // The guard is for the failing case, which would wait for ever.
        let looked = store.read(|_| Ok(()));
        let looked = tokio::time::timeout(Duration::from_secs(30), looked).await;
        assert!(looked.is_ok_and(|looked| looked.is_ok()), "a payment asks who its user is");
        assert!(beginnings.try_recv().is_err(), "one long question at a time");
        drop(ends);
        for question in questions {
            question.await.expect("no panic").expect("an answer");
        }
        store.close().await;
    }
}
