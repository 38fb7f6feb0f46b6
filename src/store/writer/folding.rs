//! Folding the write-ahead log into the database, beside the writer.
//!
//! A thread with a connection of its own copies the pages while the writer goes on appending. It can
//! never catch up with a busy one, so the writer folds in the little that is left, which syncs the
//! database; the log begins anew with its next commit. `SQLite` syncs only behind a fold that caught
//! up, so the thread syncs what it has copied by itself: else the writer would wait for all of it.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::syncer::broken;
use crate::store::health::Health;
use crate::store::{StoreError, schema};

/// How long a commit waits for a lock of somebody who looks into the file with another program.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a fold came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    /// Whether all of the log is in the database now.
    pub(super) is_whole: bool,
    /// How many pages of the log are.
    pub(super) pages: i32,
}

/// How the log is folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As far as no reader holds it up.
    Passive,
    /// All of it, so that it begins anew: who reads from it is waited for, a moment.
    Restart,
    /// The same, waiting less, and what was in it is cut off.
    Cut,
}

impl How {
    /// `SQLite`'s word, and how long readers are waited for: those of the forwarders take a few
    /// milliseconds, and later ones do not need the log any more. A cut that did not wait at all was
    /// held up for some forty groups, and five hundred at worst, by three threads that read a sum again
    /// and again; one that waits took one or two.
    fn mode(self) -> (&'static str, Duration) {
        match self {
            Self::Passive => ("PASSIVE", Duration::ZERO),
            Self::Restart => ("RESTART", Duration::from_millis(20)),
            Self::Cut => ("TRUNCATE", Duration::from_millis(10)),
        }
    }
}

/// Most groups between two tries to cut off the log.
const GROUPS_BETWEEN_CUTS: u32 = 64;

/// When cutting off the log is tried again, if a reader held it up: behind the next group, the second
/// from there, the fourth and so on. Readers take a moment, so the first tries mostly do it; and a
/// database that somebody always reads from is not folded in behind each group in vain.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    distance: u32,
    groups_left: u32,
}

impl Cuts {
    /// One group more.
    pub(super) fn count(&mut self) {
        self.groups_left = self.groups_left.saturating_sub(1);
    }

    /// Whether to try. It stays so until somebody has.
    pub(super) fn is_time(&self) -> bool {
        self.groups_left == 0
    }

    /// How a try ended.
    pub(super) fn tried(&mut self, is_cut: bool) {
        self.distance = if is_cut { 0 } else { (self.distance * 2).clamp(1, GROUPS_BETWEEN_CUTS) };
        self.groups_left = self.distance;
    }
}

/// Folds the log into the database.
pub(super) fn fold(connection: &Connection, how: How) -> Result<Folded, StoreError> {
    let (mode, wait) = how.mode();
    let patience = connection.busy_timeout(wait);
    let folded = connection.pragma_update_and_check(None, "wal_checkpoint", mode, |row| {
        // Behind a cut both counts are zero.
        let (is_busy, log, pages): (bool, i32, i32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Folded { is_whole: !is_busy && pages >= log, pages })
    });
    let _ = patience.and_then(|()| connection.busy_timeout(PATIENCE));
    Ok(folded?)
}

/// The database file, for syncing it beside `SQLite`.
///
/// Closing any handle of a file takes away all locks that this process has on it (POSIX), `SQLite`'s
/// too. So this one is opened before the first connection and must be dropped behind the last.
#[derive(Debug)]
pub(in crate::store) struct DatabaseFile(File);

impl DatabaseFile {
    /// Opens the file, which exists.
    ///
    /// # Errors
    /// [`StoreError::Open`], with the reason.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        File::options()
            .write(true)
            .open(path)
            .map(Self)
            .map_err(|source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) })
    }

    /// Syncs what was folded in. Whether `SQLite` has done it the counts of a fold do not tell: they
    /// are of the log as it was when the fold began, and nothing is synced if somebody has appended
    /// since.
    fn synced(&self, folded: Folded) -> Result<Folded, StoreError> {
        let synced = self.0.sync_data();
        synced.map_err(|error| broken(format!("syncing the database: {error}")))?;
        Ok(folded)
    }
}

/// The thread and the way to it.
pub(super) struct Folding {
    orders: SyncSender<()>,
    thread: JoinHandle<()>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_busy: AtomicBool,
    pages: AtomicI32,
    failed: Mutex<Option<StoreError>>,
}

/// Says that nothing is under way any more, however a fold ends.
struct Done<'s>(&'s State);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

impl Folding {
    /// Starts the thread for a database that is open.
    pub(super) fn start(
        path: &Path,
        file: Arc<DatabaseFile>,
        health: Arc<Health>,
    ) -> Result<Self, StoreError> {
        let connection = schema::connect(path)?;
        let state = Arc::new(State::default());
        let (orders, queue) = sync_channel(1);
        let known = Arc::clone(&state);
        let work = move || {
            while queue.recv().is_ok() {
                let _done = Done(&known);
                // After an error of the disk nothing is copied any more.
                if health.failure().is_some() {
                    continue;
                }
                match fold(&connection, How::Passive).and_then(|folded| file.synced(folded)) {
                    Ok(folded) => known.pages.store(folded.pages, Ordering::Relaxed),
                    Err(error) => {
                        // Before this fold counts as over: the next sync would succeed without what
                        // this one should have written, and the log might be given up.
                        health.note(&error);
                        *known.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("store-folding".into()).spawn(work).map_err(
            |source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) },
        )?;
        Ok(Self { orders, thread, state })
    }

    /// Whether a fold is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.state.is_busy.load(Ordering::Acquire)
    }

    /// How many pages of the log are in the database, as far as this thread has done it.
    pub(super) fn pages(&self) -> i32 {
        self.state.pages.load(Ordering::Relaxed)
    }

    /// What went wrong since this was last asked.
    pub(super) fn failed(&self) -> Option<StoreError> {
        self.state.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The log begins anew.
    pub(super) fn anew(&self) {
        self.state.pages.store(0, Ordering::Relaxed);
    }

    /// Begins a fold.
    pub(super) fn begin(&self) {
        self.state.is_busy.store(true, Ordering::Release);
        if self.orders.try_send(()).is_err() {
            self.state.is_busy.store(false, Ordering::Release);
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn stop(self) {
        drop(self.orders);
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;
    use crate::store::{Entered, Entry, NewPayment, ProjectKey, Source, Store};

    fn payment(project: ProjectKey, number: usize) -> Entry {
        Entry::Record(NewPayment {
            project,
            payment_type: "DEFAULT".to_owned(),
            payment_id: Some(format!("p{number}")),
            user_id: "666".to_owned(),
            source: Source::Sender,
            received_at: Timestamp::from_millis(1_772_280_000_000),
            capture: format!("{{\"note\":\"{}\"}}", "x".repeat(3_000)),
            decision: "{}".to_owned(),
            deliveries: Vec::new(),
        })
    }

    /// Behind a cut `SQLite` counts nothing: that was once read as "not all of it", and cut again for ever.
    #[test]
    fn a_cut_of_the_whole_log_is_known_as_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = schema::connect(&folder.path().join("books.db")).expect("a database");
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").expect("rows");
        for how in [How::Passive, How::Restart, How::Cut] {
            assert!(fold(&connection, how).expect("folded").is_whole, "{how:?}");
        }
        let reader = schema::connect_reader(&folder.path().join("books.db")).expect("a reader");
        let reading = reader.unchecked_transaction().expect("a snapshot");
        let _: i64 = reading.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("1");
        connection.execute("INSERT INTO t VALUES (2)", []).expect("a row");
        assert!(!fold(&connection, How::Cut).expect("folded").is_whole, "somebody reads");
    }

    #[test]
    fn a_cut_that_was_held_up_is_tried_soon_and_then_less_often() {
        let mut cuts = Cuts::default();
        let mut tried = Vec::new();
        for group in 1..=256 {
            cuts.count();
            if cuts.is_time() {
                tried.push(group);
                cuts.tried(false);
            }
        }
        assert_eq!(tried, [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
        cuts.tried(true);
        for _ in 0..3 {
            cuts.count();
            assert!(cuts.is_time(), "what is erased next is cut off at once, or once nobody folds");
        }
    }

    /// The log still held a removed person while a forwarder read, until some time later.
    #[tokio::test]
    async fn what_a_reader_held_up_is_cut_off_behind_the_next_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let log = || folder.path().join("books.db-wal").metadata().expect("a log").len();
        let store = Store::open(&path).expect("a store");
        let project = store.project("shop").await.expect("a number");
        store.enter(vec![payment(project, 0)]).await.expect("entered");
        let reader = schema::connect_reader(&path).expect("a reader");
        let reading = reader.unchecked_transaction().expect("a snapshot");
        let rows = |connection: &Connection| {
            let count = "SELECT count(*) FROM payments";
            connection.query_row(count, [], |row| row.get::<_, i64>(0)).expect("a count")
        };
        assert_eq!(rows(&reading), 1);
        store.fold_in_erased(true).await.expect("told");
        store.ping().await.expect("the writer");
        assert!(log() > 0, "it cannot be cut off while somebody reads");
        drop(reading);
        // The fold is done behind the answer to its group, and before the next group.
        for _ in 0..4 {
            store.ping().await.expect("the writer");
        }
        assert_eq!(log(), 0);
        store.close().await;
    }

    /// An import of seven million payments once left a log of 15 GB: each of its groups was larger than
    /// what the writer folds in itself.
    #[tokio::test]
    async fn the_log_stays_short_however_large_the_groups_are() {
        const GROUPS: usize = 60;
        const PAYMENTS: usize = 600;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let store = Store::open(&path).expect("a store");
        let project = store.project("shop").await.expect("a number");
        for group in 0..GROUPS {
            let numbers = group * PAYMENTS..(group + 1) * PAYMENTS;
            let entries = numbers.map(|number| payment(project, number)).collect();
            let entered = store.enter(entries).await.expect("entered");
            assert!(entered.iter().all(|one| *one == Entered::New));
        }
        let log = folder.path().join("books.db-wal").metadata().expect("a log").len();
        // 16 MiB and a group, and what comes while a disk syncs slowly; all together are 140 MiB.
        assert!(log < 70 * 1024 * 1024, "{log} bytes");
        store.close().await;
    }

    /// Once a sync has failed, the next one succeeds without what the first should have written.
    /// The writer, which asked the thread only later for what went wrong, might have cut off the log
    /// before; at a stop it did not ask at all. And a fold whose counts say that it is whole is one
    /// that `SQLite` has left unsynced, if somebody has appended meanwhile.
    #[test]
    fn a_fold_that_could_not_be_synced_is_known_as_soon_as_it_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        std::fs::write(&path, "").expect("an empty file");
        let own = DatabaseFile::open(&path).expect("a file");
        // A device that is no disk refuses to be synced. Both are closed behind the connection.
        let refuses = DatabaseFile::open(Path::new("/dev/null")).expect("a device");
        let files = [(Arc::new(own), false), (Arc::new(refuses), true)];
        let connection = schema::connect(&path).expect("a database");
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").expect("rows");
        for (file, fails) in &files {
            let (file, fails) = (Arc::clone(file), *fails);
            let health = Arc::new(Health::of(&path));
            let folding = Folding::start(&path, file, Arc::clone(&health)).expect("a thread");
            folding.begin();
            folding.stop();
            let failure = health.failure();
            assert_eq!(matches!(failure, Some(StoreError::Broken(_))), fails, "{failure:?}");
            assert_eq!(failure.is_some(), fails, "{failure:?}");
        }
    }
}
